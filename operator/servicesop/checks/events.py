"""The check `events`: few enough Events that match have occurred within the window."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from servicesop.api.checks.check import Check
from servicesop.api.checks.events import Events
from servicesop.api.durations import format_duration
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.checks.patterns import Matcher, matcher
from servicesop.checks.runner import NO_TURN, CheckRunner, Surroundings
from servicesop.checks.targets import target_workload
from servicesop.judge.events import EventView, RecentEvents, occurrences
from servicesop.judge.results import Sample, failed, inconclusive, passed

Matches = Callable[[EventView], bool]

# The component that writes an Event chooses these; only plain words and names are shown.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_NAME: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,252}")

_MADE_UP: Final = 5
"""Letters and digits that the API server adds to a ReplicaSet's name to make a pod's."""
_LONGEST: Final = 58
"""Characters of a name that it keeps before these."""


class EventsCheck:
    """Counts in the cached Events of the namespace. Keeps nothing of them between runs."""

    turn = NO_TURN
    reacts_to: TargetRef | None = None

    def __init__(self, spec: Events, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings
        self._says: Matcher | None = None

    async def run(self, now: datetime) -> Sample:
        """Look and judge. Raise SourceError when the Events are not known."""
        spec = self._spec
        if spec.pattern is not None and self._says is None:
            self._says = matcher(spec.pattern)
        says = self._says
        concerns = self._concerns()
        recent = await self._surroundings.events.recent()

        def matches(event: EventView) -> bool:
            return (
                spec.type in (None, event.type)
                and (not spec.reasons or event.reason in spec.reasons)
                and concerns(event)
                and (says is None or says(event.message.encode("utf-8", "replace")))
            )

        return judge_events(spec, recent, matches, now)

    def _concerns(self) -> Matches:
        involved = self._spec.involved
        if involved is not None:
            return lambda event: event.kind == involved.kind and involved.name in (None, event.name)
        workload = target_workload(self._surroundings, self._spec.target)
        if workload.kind is WorkloadKind.STATEFUL_SET:
            return of_stateful_set(workload.name)
        pods = {pod.name for pod in self._surroundings.workloads.pods(workload)}
        return of_deployment(workload.name, self._surroundings.replica_sets(workload), pods)


def events_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of an `events` check."""
    assert check.events is not None
    return EventsCheck(check.events, surroundings)


def of_stateful_set(name: str) -> Matches:
    """Tell Events about a StatefulSet and its pods, also those that are gone."""
    pod = re.compile(re.escape(name) + "-[0-9]+")
    return lambda event: (
        (event.kind == WorkloadKind.STATEFUL_SET and event.name == name)
        or (event.kind == "Pod" and pod.fullmatch(event.name) is not None)
    )


def of_deployment(name: str, replica_sets: frozenset[str], pods: set[str]) -> Matches:
    """Tell Events about a Deployment, its ReplicaSets and its pods, also those that are gone.

    A pod that is gone has no owner any more that could be looked up, but its ReplicaSet's name.
    """
    made = {f"{replica_set}-"[:_LONGEST] for replica_set in replica_sets}
    return lambda event: (
        (event.kind == WorkloadKind.DEPLOYMENT and event.name == name)
        or (event.kind == "ReplicaSet" and event.name in replica_sets)
        or (event.kind == "Pod" and (event.name in pods or event.name[:-_MADE_UP] in made))
    )


def judge_events(spec: Events, recent: RecentEvents, matches: Matches, now: datetime) -> Sample:
    """Judge by the least and by the most that can have occurred within the window.

    More than allowed is certain by the least, few enough only by the most.
    """
    start = now - spec.within
    least, most, bounded = 0, 0, True
    counts: Counter[str] = Counter()
    for seen in recent.events:
        if seen.event.last < start and not seen.event.series:
            continue  # most of them, and the cheapest to tell
        if not matches(seen.event):
            continue
        at_least, at_most = occurrences(seen, start, now)
        least += at_least
        if at_most is None:
            bounded = False
        else:
            most += at_most
        if at_least:
            counts[_about(seen.event)] += at_least
    window = format_duration(spec.within)
    if least > spec.max:
        return failed(
            {"Found"},
            f"more than {spec.max} Events that match occurred within {window}",
            tuple(
                f"{about}: {count}"
                for about, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            ),
        )
    if recent.whole_since is not None and recent.whole_since > start:
        return inconclusive(
            UnknownReason.NOT_COVERED,
            f"the namespace had more Events within {window} than the operator keeps",
        )
    if not bounded or most > spec.max:
        return inconclusive(
            UnknownReason.NOT_COVERED,
            "an Event that matches was repeated, and how often within the last"
            f" {window} cannot be told",
        )
    return passed()


def _about(event: EventView) -> str:
    reason = event.reason if _WORD.fullmatch(event.reason) else "an Event"
    kind = event.kind if _WORD.fullmatch(event.kind) else "an object"
    name = f" {event.name}" if _NAME.fullmatch(event.name) else ""
    return f"{reason} of {kind}{name}"
