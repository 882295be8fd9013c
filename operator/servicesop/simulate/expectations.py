"""What was expected, against what was said and done: each difference in a line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from servicesop.api.durations import format_duration
from servicesop.api.sop import Spec
from servicesop.api.status import Status, Tri
from servicesop.simulate.acts import Act
from servicesop.simulate.cases import Expect, Facts
from servicesop.simulate.operator import Moment


@dataclass(frozen=True, slots=True)
class Story:
    """What has happened in a test."""

    spec: Spec
    start: datetime
    moments: Sequence[Moment]
    acts: Sequence[Act]

    def at(self, time: datetime) -> Status:
        """Give what was said last by then."""
        return next((one.status for one in reversed(self.moments) if one.time <= time), Status())

    def between(self, after: datetime, end: datetime) -> Iterator[Moment]:
        """Give what was said from one time to another."""
        yield Moment(after, self.at(after))
        yield from (one for one in self.moments if after < one.time <= end)

    def when(self, time: datetime) -> str:
        """Write a time as the test's author does."""
        return format_duration(time - self.start)


def differences(expect: Expect, story: Story) -> list[str]:
    """Say what is not as expected; empty where everything is."""
    at = story.start + expect.at
    end = story.start + expect.until if expect.until is not None else at
    found: list[str] = []
    for moment in story.between(at, end):
        wrong = [*_facts(expect, moment.status, story), *_done(expect, moment.time, story)]
        if wrong:
            found += [f"at {story.when(moment.time)}: {one}" for one in wrong]
            break
    if expect.never is not None:
        found += _never(expect.never, at, end, story)
    return found


def _facts(facts: Facts, status: Status, story: Story) -> Iterator[str]:
    conditions = conditions_of(status, story.spec)
    for field in ("procedures", "conditions"):
        for name, wanted in (getattr(facts, field) or {}).items():
            is_ = conditions.get(name)
            if is_ != wanted:
                yield f"{field}.{name}: expected {wanted}, it is {is_ or 'not there'}" + why(
                    status, name
                )
    for name, state in (facts.checks or {}).items():
        found = next((one for one in status.checks if one.name == name), None)
        if found is None or found.state != state:
            yield (
                f"checks.{name}: expected {state}, it is {found.state if found else 'not run'}"
                + (f" ({found.message})" if found is not None and found.message else "")
            )
    won = winning(status)
    for row in facts.row or ():
        procedure, _, name = row.partition("/")
        if won.get(procedure) != name:
            yield f"row: expected {row}, it is {_row(procedure, won)}" + _doing(status, procedure)
    if facts.escalated is not None:
        called = teams(status)
        if set(called) != set(facts.escalated):
            yield f"escalated: expected {_list(facts.escalated)}, called are {_list(called)}"


def _done(expect: Expect, time: datetime, story: Story) -> Iterator[str]:
    begun = [act for act in story.acts if act.time <= time]
    shown = ", ".join(f"{one.name} of {one.target} at {story.when(one.time)}" for one in begun)
    if expect.act is not None and not any(
        one.name == expect.act and expect.target in (None, one.target) for one in begun
    ):
        wanted = expect.act + (f" of {expect.target}" if expect.target else "")
        doing = "; ".join(
            f"{one.name}: {one.doing}" for one in story.at(time).procedures if one.doing
        )
        yield f"act: expected {wanted}, done was {shown or 'nothing'}" + (doing and f" ({doing})")
    if expect.acts is not None and len(begun) != expect.acts:
        yield f"acts: expected {expect.acts}, there were {len(begun)}" + (shown and f" ({shown})")


def _never(never: Facts, at: datetime, end: datetime, story: Story) -> Iterator[str]:
    for act in story.acts:
        if never.act == act.name and at < act.time <= end:
            yield f"never.act: {act.name} of {act.target} at {story.when(act.time)}"
    told: set[str] = set()
    for moment in story.between(at, end):
        for text in _untoward(never, moment.status, story):
            if text not in told:
                told.add(text)
                yield f"never.{text} at {story.when(moment.time)}"


def _untoward(never: Facts, status: Status, story: Story) -> Iterator[str]:
    conditions = conditions_of(status, story.spec)
    for field in ("procedures", "conditions"):
        for name, unwanted in (getattr(never, field) or {}).items():
            if conditions.get(name) == unwanted:
                yield f"{field}.{name}: {unwanted}"
    for check in status.checks:
        if (never.checks or {}).get(check.name) == check.state:
            yield f"checks.{check.name}: {check.state}"
    won = winning(status)
    for row in never.row or ():
        procedure, _, name = row.partition("/")
        if won.get(procedure) == name:
            yield f"row: {row}"
    for team in teams(status):
        if team in (never.escalated or ()):
            yield f"escalated: {team}"


def conditions_of(status: Status, spec: Spec) -> dict[str, Tri]:
    """Give the conditions by type; a procedure that is the same as another has that one's."""
    found = {one.type: one.status for one in status.conditions}
    for procedure in spec.procedures:
        if procedure.same_as in found:
            found.setdefault(procedure.name, found[procedure.same_as])
    return found


def winning(status: Status) -> dict[str, str]:
    """Give the row that wins, of each procedure that is happening."""
    return {
        one.name: one.episode.row
        for one in status.procedures
        if one.state is Tri.TRUE and one.episode is not None and one.episode.row is not None
    }


def teams(status: Status) -> tuple[str, ...]:
    """Give the teams that are called, each once."""
    return tuple(dict.fromkeys(team for one in status.escalations for team in one.to))


def why(status: Status, condition: str) -> str:
    """Give the condition's own words, in parentheses."""
    message = next((one.message for one in status.conditions if one.type == condition), "")
    return f" ({message})" if message else ""


def _doing(status: Status, procedure: str) -> str:
    doing = next((one.doing for one in status.procedures if one.name == procedure), None)
    return f" ({doing})" if doing else ""


def _row(procedure: str, won: dict[str, str]) -> str:
    return f"{procedure}/{won[procedure]}" if procedure in won else "none of that procedure"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
