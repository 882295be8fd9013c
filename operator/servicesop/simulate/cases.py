"""The file of an SOP's tests, as models: what is given over time, and what is expected."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from servicesop.api.base import ApiModel, Duration, Name, PositiveDuration, Sentence
from servicesop.api.kinds import ActionKind
from servicesop.api.procedures import Mode
from servicesop.api.status import CheckState, Tri
from servicesop.api.times import Time
from servicesop.judge.results import Verdict
from servicesop.simulate.observations import (
    GivenAlert,
    Gone,
    HttpAnswer,
    LogLines,
    Object,
    QueryRows,
    Samples,
    TableRows,
)


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
"""One name, or a list of names."""

States = Annotated[dict[str, Tri], Field(min_length=1)]
"""Names, each with "True", "False" or "Unknown"; the quotes are needed."""


class Given(ApiModel):
    """What the world is like from a time on, until the same is given again.

    Besides `at` exactly one thing.
    """

    at: Duration
    """From when on, counted from the start."""
    all: Verdict | None = None
    """What every check answers for which nothing else was given: Passed, Inconclusive or Error."""
    check: Name | None = None
    """A check that answers plainly; `finding` or `result` says what."""
    finding: OneOrMore | None = None
    """Beside `check`: it fails, and finds this (or all of a list)."""
    result: Verdict | None = None
    """Beside `check`: Passed, Inconclusive, Error; or Failed, where it has only one finding."""
    logs: LogLines | None = None
    """Lines that a container logs."""
    rows: TableRows | None = None
    """All rows of a table, for `stuckRows` checks."""
    leases: TableRows | None = None
    """All rows of a table of leases, for `leader` checks."""
    sql: QueryRows | None = None
    """What the query of a `sql` check gives."""
    events: Annotated[tuple[Object, ...], Field(max_length=500)] | None = None
    """All Events (core/v1, the fields that matter); one without a time occurs now. [] for none."""
    objects: Annotated[tuple[Object, ...], Field(min_length=1, max_length=200)] | None = None
    """Objects: workloads, pods, ConfigMaps, Secrets, NetworkPolicies, Leases, ... Others stay."""
    gone: Annotated[tuple[Gone, ...], Field(min_length=1, max_length=200)] | None = None
    """Objects that are not there any more."""
    samples: Samples | None = None
    """What a query of Prometheus gives."""
    alerts: Annotated[tuple[GivenAlert, ...], Field(max_length=200)] | None = None
    """All alerts that fire, or of whose rules something is to be said; [] for none."""
    http: HttpAnswer | None = None
    """How the server of an `http` check answers."""
    sources: Annotated[dict[str, str], Field(min_length=1)] | None = None
    """Sources that cannot be asked, each with the reason: the SOP's connections by name, and
    `logs`, `events`, `objects`, `workloads`. `Answers` ends it."""

    @property
    def things(self) -> tuple[str, ...]:
        """Which fields say what is given: one."""
        return tuple(name for name in _THINGS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.things) != 1:
            raise ValueError(f"exactly one of the fields in [{' '.join(_THINGS)}] must be set")
        said = (self.finding is not None) + (self.result is not None)
        if (self.check is not None) != (said == 1) or said > 1:
            raise ValueError("check needs exactly one of finding and result, and only check does")
        if self.all is Verdict.FAILED:
            raise ValueError("all can not be Failed: say with check and finding what is found")
        return self


_THINGS = (
    "all",
    "check",
    "logs",
    "rows",
    "leases",
    "sql",
    "events",
    "objects",
    "gone",
    "samples",
    "alerts",
    "http",
    "sources",
)


class Facts(ApiModel):
    """What can be said of a moment."""

    procedures: States | None = None
    """Whether procedures are happening, also those that are the same as another one."""
    conditions: States | None = None
    """Other conditions: Healthy, Escalated, Remediating, RemediationAllowed, Ready."""
    checks: Annotated[dict[str, CheckState], Field(min_length=1)] | None = None
    """Where checks stand after debouncing: Passed, Pending, Failed, ..."""
    row: OneOrMore | None = None
    """The row that wins, as `Procedure/row`; of a list each for its own procedure."""
    act: ActionKind | None = None
    """An action that was begun by then: restart or deletePod."""
    escalated: tuple[str, ...] | None = None
    """The teams that are called, all of them and no others; [] for none."""


class Never(Facts):
    """What must not be; each by itself. Of `escalated` none of the teams may be called."""


class Expect(Facts):
    """What must be said and done at a time, or from one time to another."""

    at: Duration
    """When, counted from the start; after everything that is due at that time."""
    until: Duration | None = None
    """Up to when it must hold, at every moment in between."""
    acts: Annotated[int, Field(ge=0, le=100)] | None = None
    """How many actions were begun by then, all together."""
    target: Name | None = None
    """Beside `act`: the target that was acted on, by the SOP's name for it."""
    never: Never | None = None
    """What must at no moment be so between `at` and `until`; an action counts if it begins after
    `at`."""

    @property
    def end(self) -> timedelta:
        """The last moment that it is about."""
        return self.at if self.until is None else self.until

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not _says(self, *_EXPECTED):
            raise ValueError(f"something must be expected: {', '.join(_EXPECTED)}")
        if self.until is not None and self.until <= self.at:
            raise ValueError("until must be later than at")
        if self.never is not None and self.until is None:
            raise ValueError("never needs until")
        if self.never is not None and not _says(self.never, *Facts.model_fields):
            raise ValueError(f"never must name something: {', '.join(Facts.model_fields)}")
        if self.target is not None and self.act is None:
            raise ValueError("target is only allowed beside act")
        return self


def _says(facts: Facts, *fields: str) -> bool:
    return any(getattr(facts, field) is not None for field in fields)


_EXPECTED = (*Facts.model_fields, "acts", "never")


class Acted(ApiModel):
    """An action on a target before the start of the test; its limits count it."""

    act: ActionKind
    """What was done: restart or deletePod."""
    target: Name | None = None
    """To which target, by the SOP's name for it; the first one when not given."""
    ago: PositiveDuration
    """How long before the start."""
    helped: bool = False
    """Whether it helped: if not, it used up an attempt."""


class Case(ApiModel):
    """One test: a story, and what the operator makes of it."""

    name: Sentence
    """What it shows, in a sentence; unique in the file."""
    acted: Annotated[tuple[Acted, ...], Field(max_length=50)] = ()
    """What was done before the start, so that limits over hours need no story of hours."""
    given: Annotated[tuple[Given, ...], Field(min_length=1, max_length=500)]
    """What the world is like, in any order."""
    expect: Annotated[tuple[Expect, ...], Field(min_length=1, max_length=500)]
    """What the operator must say and do."""

    @property
    def length(self) -> timedelta:
        """How long the story is told."""
        return max(one.end for one in self.expect)


class Suite(ApiModel):
    """A file of tests of one SOP."""

    sop: Annotated[str, Field(min_length=1, max_length=4096)]
    """The file of the SOP, relative to this one; it may be what `kustomize build` gives."""
    start: Time = datetime.fromisoformat("2024-01-01T00:00:00+00:00")
    """The time at which each test starts."""
    mode: Mode | None = None
    """Test the SOP as if this were its `spec.mode`: Observe, DryRun or Enforce. One that is in
    DryRun, the default there, acts on nothing."""
    tests: Annotated[tuple[Case, ...], Field(min_length=1, max_length=500)]
    """The tests; none knows of the others."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [one.name for one in self.tests]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"two tests have the name {double!r}; give each its own")
        return self
