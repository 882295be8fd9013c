"""The check type `resource`."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import ApiModel, ObjectName, Rule, exactly_one, wire
from servicesop.api.checks.kinds import ApiVersion, KindName, LabelSelector

_TYPE = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"

ConditionType = Annotated[
    str,
    Field(max_length=128, pattern=_TYPE),
    wire(
        "string",
        Rule(
            f"self.matches('{_TYPE}')",
            "must be the type of a condition such as \"Ready\": letters, digits, '-', '_' and '.'",
        ),
        maxLength=128,
    ),
]
"""The type of a condition."""

_PHASE = r"^[A-Za-z][A-Za-z0-9]*$"

PhaseName = Annotated[
    str,
    Field(max_length=63, pattern=_PHASE),
    wire(
        "string",
        Rule(f"self.matches('{_PHASE}')", 'must be a phase such as "Bound": letters and digits'),
        maxLength=63,
    ),
]
"""A phase."""


class ConditionStatus(StrEnum):
    """What a condition should be."""

    TRUE = "True"
    FALSE = "False"


class Absence(StrEnum):
    """What it means that something is not there."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


class ObjectCondition(ApiModel):
    """A condition that each object should have."""

    type: ConditionType
    """Its type: Ready, Complete."""
    status: ConditionStatus = ConditionStatus.TRUE
    """What it should be; quoted, or YAML makes a boolean of it."""
    on_absent: Absence = Absence.INCONCLUSIVE
    """What an object without this condition means; a Job that has not failed has no Failed."""


class Resource(ApiModel):
    """Objects of a kind, in the SOP's own namespace, have a condition or a phase."""

    findings: ClassVar[tuple[str, ...]] = ("ConditionNotMet", "Missing")
    rules = (
        exactly_one("name", "selector"),
        exactly_one("condition", "phase"),
        Rule(
            "has(self.selector) == has(self.onNone)",
            "onNone must be set with selector, and only with it (a named object that does not exist"
            " is the finding Missing)",
            holds=lambda resource: (resource.selector is None) == (resource.on_none is None),
        ),
        Rule(
            "self.apiVersion != 'v1' || self.kind != 'Secret'",
            "kind must not be Secret: the check config asks for the keys of one",
            holds=lambda resource: (resource.api_version, resource.kind) != ("v1", "Secret"),
        ),
    )

    api_version: ApiVersion
    """The API group and version of the kind."""
    kind: KindName
    """The kind; of those that belong to a namespace, all but Secret."""
    name: ObjectName | None = None
    """One object, by its name (finding Missing where it does not exist)."""
    selector: LabelSelector | None = None
    """All objects with these labels; objects that are being deleted do not count."""
    on_none: Absence | None = None
    """What it means that the selector matches nothing; required with selector."""
    condition: ObjectCondition | None = None
    """The condition that each object should have (finding ConditionNotMet)."""
    phase: PhaseName | None = None
    """The status.phase that each object should have, for kinds without conditions: Bound."""
