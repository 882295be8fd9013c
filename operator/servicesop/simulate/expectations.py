"""What was expected, against what was said and done: each difference in a line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from servicesop.api.durations import format_duration
from servicesop.api.sop import Spec
from servicesop.api.status import Condition, Status, Tri
from servicesop.decide.gates import LEAVE_DRY_RUN
from servicesop.simulate.acts import Act
from servicesop.simulate.cases import Expect, Facts
from servicesop.simulate.operator import Moment

_LEAVE_DRY_RUN = "give the file of tests mode: Enforce to allow it"
"""What leads on here; in a cluster it is the SOP itself."""


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
    at, end = story.start + expect.at, story.start + expect.end
    found: list[str] = []
    for moment in story.between(at, end):
        wrong = [*_facts(expect, moment.status, story), *_done(expect, moment.time, story)]
        if wrong:
            found += [f"at {story.when(moment.time)}: {one}" for one in wrong]
            break
    if expect.never is not None:
        found += _never(expect.never, at, end, story)
    return [one.replace(LEAVE_DRY_RUN, _LEAVE_DRY_RUN) for one in found]


def _facts(facts: Facts, status: Status, story: Story) -> Iterator[str]:
    conditions = conditions_of(status, story.spec)
    for field in ("procedures", "conditions"):
        for name, wanted in (getattr(facts, field) or {}).items():
            found = conditions.get(name)
            if found is None or found.status != wanted:
                is_ = "not there" if found is None else f"{found.status}{_said(found.message)}"
                yield f"{field}.{name}: expected {wanted}, it is {is_}"
    checks = {one.name: one for one in status.checks}
    for name, state in (facts.checks or {}).items():
        check = checks.get(name)
        if check is None or check.state != state:
            is_ = "not run" if check is None else f"{check.state}{_said(check.message)}"
            yield f"checks.{name}: expected {state}, it is {is_}"
    won = winning(status)
    for row in facts.row or ():
        procedure, _, name = row.partition("/")
        if won.get(procedure) != name:
            yield f"row: expected {row}, {_won(status, story.spec, procedure)}"
    if facts.escalated is not None:
        called = teams(status)
        if set(called) != set(facts.escalated):
            yield (
                f"escalated: expected {_list(facts.escalated)}, called are"
                f" {_list(called)}{_said(_calls(status))}"
            )


def _done(expect: Expect, time: datetime, story: Story) -> Iterator[str]:
    begun = [act for act in story.acts if act.time <= time]
    shown = ", ".join(f"{one.name} of {one.target} at {story.when(one.time)}" for one in begun)
    if expect.act is not None and not any(
        one.name == expect.act and expect.target in (None, one.target) for one in begun
    ):
        wanted = expect.act + (f" of {expect.target}" if expect.target else "")
        status = story.at(time)
        why = _calls(status) or _doing(status)
        yield f"act: expected {wanted}, done was {shown or 'nothing'}{_said(why)}"
    if expect.acts is not None and len(begun) != expect.acts:
        yield f"acts: expected {expect.acts}, there were {len(begun)}{_said(shown)}"


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
            found = conditions.get(name)
            if found is not None and found.status == unwanted:
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


def conditions_of(status: Status, spec: Spec) -> dict[str, Condition]:
    """Give the conditions by type; a procedure that is the same as another has that one's."""
    found = {one.type: one for one in status.conditions}
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


def _won(status: Status, spec: Spec, procedure: str) -> str:
    """Say which row of a procedure wins, or why none does."""
    row, condition = winning(status).get(procedure), conditions_of(status, spec).get(procedure)
    if row is not None:
        return f"it is {procedure}/{row}{_said(_doing(status, procedure))}"
    if condition is None:
        return f"none wins: {procedure} has not been looked at yet"
    return f"none wins: {procedure} is {condition.status}{_said(condition.message)}"


def _said(words: str | None) -> str:
    """Give somebody's words in parentheses, if there are any."""
    return f" ({words})" if words else ""


def _doing(status: Status, procedure: str | None = None) -> str:
    return "; ".join(
        f"{one.name}: {one.doing}"
        for one in status.procedures
        if one.doing and procedure in (None, one.name)
    )


def _calls(status: Status) -> str:
    return "; ".join(
        f"{one.reason}: {one.message}" if one.message else str(one.reason)
        for one in status.escalations
    )


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
