"""What is wrong with a file, in the words of those who write YAML and not those of Python."""

from collections.abc import Sized

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def faults_of(invalid: ValidationError) -> list[ErrorDetails]:
    """Give what is wrong, without what only follows from it.

    A list of which no item is valid is also found to be too short.
    """
    return [one for one in invalid.errors() if one["type"] != "too_short" or _is_short(one)]


def plainly(detail: ErrorDetails) -> str:
    """Say what must be there."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "tuple_type" | "list_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object with named fields"
        case "string_type":
            return "must be a text; a number, true, false or a date needs quotes"
        case "too_short" if context["min_length"] == 1:
            return "must not be empty"
        case "too_short":
            return f"must hold at least {context['min_length']} items"
        case "too_long":
            return f"must hold at most {context['max_length']} items"
        case _:
            return detail["msg"][0].lower() + detail["msg"][1:]


def _is_short(detail: ErrorDetails) -> bool:
    given = detail["input"]
    return not isinstance(given, Sized) or len(given) < detail["ctx"]["min_length"]
