"""Texts for people: what is told to customers or other teams, with places to be filled in."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from servicesop.api.base import ApiModel, Name, Rule, Sentence, wire

PLACEHOLDERS = ("service", "namespace", "procedure", "opened", "checks", "region")
"""What `${...}` in a text may name: the SOP's title, its namespace, the procedure's title, when the
escalation was opened, the checks that failed, and the SOP's region."""

_NAMES = "|".join(PLACEHOLDERS)
# Without look-ahead: anything but a dollar, dollars that no brace follows, or a placeholder.
_TEXT = f"([^$]|[$]+[^${{]|[$]+[{{]({_NAMES})[}}])*[$]*"
_KNOWN_PLACEHOLDERS = Rule(
    f"self.matches('^{_TEXT}$')",
    f"must not hold other placeholders than {' '.join(f'${{{name}}}' for name in PLACEHOLDERS)}",
)


def _known(text: str) -> str:
    if re.fullmatch(_TEXT, text) is None:
        raise ValueError(_KNOWN_PLACEHOLDERS.message)
    return text


Template = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    AfterValidator(_known),
    wire("string", _KNOWN_PLACEHOLDERS, minLength=1, maxLength=4096),
]
"""Prose with placeholders of a closed set."""


class IncidentText(ApiModel):
    """A text that goes with an escalation, such as the notice that customers get."""

    name: Name
    """Unique in the SOP."""
    title: Sentence
    """What the text is for."""
    text: Template
    """The text, Markdown allowed. `${service}`, `${namespace}`, `${procedure}`, `${opened}`,
    `${checks}` and `${region}` are filled in; anything else in `${...}` is refused."""
