"""The fields of a file of tests, as Markdown, from its models."""

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from servicesop.api.base import ApiModel
from servicesop.api.durations import format_duration
from servicesop.simulate.cases import Acted, Case, Expect, Given, Never, Suite
from servicesop.simulate.observations import (
    GivenAlert,
    Gone,
    HttpAnswer,
    LogLines,
    OneSeries,
    QueryRows,
    Samples,
    TableRows,
)

SECTIONS: tuple[tuple[str, type[ApiModel]], ...] = (
    ("The file", Suite),
    ("tests[]", Case),
    ("tests[].acted[]", Acted),
    ("tests[].given[]", Given),
    ("tests[].given[].logs", LogLines),
    ("tests[].given[].rows, leases", TableRows),
    ("tests[].given[].sql", QueryRows),
    ("tests[].given[].samples", Samples),
    ("tests[].given[].samples.series[]", OneSeries),
    ("tests[].given[].alerts[]", GivenAlert),
    ("tests[].given[].http", HttpAnswer),
    ("tests[].given[].gone[]", Gone),
    ("tests[].expect[]", Expect),
    ("tests[].expect[].never", Never),
)


def suite_fields() -> str:
    """Give a table for each model."""
    return "\n".join(part for title, model in SECTIONS for part in _section(title, model))


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"### {title}\n"
    yield f"{_line(model.__doc__ or '')}\n"
    yield "| Field | Default | Meaning |\n|---|---|---|"
    for name, field in model.model_fields.items():
        meaning = _line(field.description or "")
        yield f"| `{field.alias or name}` | {_default(field)} | {meaning} |"
    yield ""


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return ""
    if hasattr(value, "isoformat"):
        return f"`{value:%Y-%m-%dT%H:%M:%SZ}`"
    if hasattr(value, "total_seconds"):
        return f"`{format_duration(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
