"""The texts for people outside, and what their placeholders stand for in an incident."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from servicesop.api.incident_texts import IncidentText
from servicesop.api.procedures import Escalate, Procedure
from servicesop.api.sop import Spec
from servicesop.api.status import Escalation, Status
from servicesop.api.times import format_time
from servicesop.render.markdown import block


@dataclass(frozen=True, slots=True)
class Filled:
    """A text for one incident."""

    name: str
    """Of the text."""
    values: Mapping[str, str]
    """By placeholder."""


def text_blocks(text: IncidentText, filled: Sequence[Filled]) -> str:
    """Write a text as it is to be copied: once for each incident, or with its placeholders."""
    wanted = [one.values for one in filled if one.name == text.name] or [{}]
    return "\n\n".join(block("text", _fill(text.text.strip("\n"), values)) for values in wanted)


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in; what is put in is not looked at again."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def filled_texts(spec: Spec, namespace: str, status: Status) -> tuple[Filled, ...]:
    """Give the texts that go with the open escalations."""
    return tuple(
        Filled(escalate.text, _values(spec, namespace, procedure, escalation))
        for escalation in status.escalations
        for procedure in spec.procedures
        if procedure.name in escalation.procedures
        for escalate in _open(spec, procedure, status)
        if escalate.text is not None
    )


def _open(spec: Spec, procedure: Procedure, status: Status) -> Iterator[Escalate]:
    """Give the escalation that the procedure's table has come to."""
    rows = {one.name: one.episode.row for one in status.procedures if one.episode is not None}
    other = procedure.same_as or procedure.steps_from
    with_table = next(one for one in spec.procedures if one.name == (other or procedure.name))
    table = with_table.handle or ()
    row = next((row for row in table if row.name == rows.get(procedure.name)), None)
    if row is not None:
        found = row.escalate or row.or_else or table[-1].escalate
        assert found is not None, "the last row escalates"
        yield found


def _values(
    spec: Spec, namespace: str, procedure: Procedure, escalation: Escalation
) -> dict[str, str]:
    values = {
        "service": spec.title,
        "namespace": namespace,
        "procedure": procedure.title or procedure.name,
        "opened": format_time(escalation.opened),
        "checks": ", ".join(escalation.checks),
    }
    return values | ({"region": spec.region} if spec.region is not None else {})
