"""How often containers were restarted in a window that ends now, as far as that can be told.

The API server says how often a container was restarted in all, and when it was started last. What
happened between two looks, or before the first, lies somewhere in a span of time: it counts for
certain once all of the span is in the window, and perhaps while its end is.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from servicesop.judge.rollout import ContainerView, PodView

MAX_SPANS: Final = 2000
"""How many spans are kept. More than a check's `max` can be, and each has one restart or more, so
that forgetting the oldest can make no check pass."""
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)

Place = tuple[str, str]
"""Pod and container, by name."""


@dataclass(frozen=True, slots=True)
class RestartCount:
    """What is known of the window."""

    least: int = 0
    """So many for certain."""
    most: int = 0
    """Not more than so many."""
    by_container: tuple[tuple[Place, int], ...] = ()
    """For certain, most first; also of pods that are gone."""


@dataclass(frozen=True, slots=True)
class _Span:
    place: Place
    earliest: datetime
    latest: datetime
    count: int


class RestartWindow:
    """Counts restarts of one workload's containers, also of those whose pods are gone by now."""

    def __init__(self, within: timedelta) -> None:
        self._within = within
        self._seen: dict[tuple[str, str], int] = {}
        self._looked = _BEGINNING
        self._spans: deque[_Span] = deque(maxlen=MAX_SPANS)

    def look(self, pods: Sequence[PodView], now: datetime) -> RestartCount:
        """Take note of the pods as they are now, and count."""
        start = now - self._within
        self._spans = deque((span for span in self._spans if span.latest >= start), MAX_SPANS)
        seen = {}
        for pod in pods:
            for container in pod.containers:
                key = (pod.uid, container.name)
                before = self._seen.get(key)
                since = self._looked if before is not None else pod.created or _BEGINNING
                count = container.restarts - (before or 0)
                seen[key] = container.restarts
                spans = _spans((pod.name, container.name), container, count, since, now)
                self._spans.extend(span for span in spans if span.latest >= start)
        self._seen, self._looked = seen, now
        return self._count(start)

    def _count(self, start: datetime) -> RestartCount:
        certain: dict[Place, int] = {}
        for span in self._spans:
            if span.earliest >= start:
                certain[span.place] = certain.get(span.place, 0) + span.count
        return RestartCount(
            sum(certain.values()),
            sum(span.count for span in self._spans),
            tuple(sorted(certain.items(), key=lambda item: (-item[1], item[0]))),
        )


def _spans(
    place: Place, container: ContainerView, count: int, since: datetime, now: datetime
) -> tuple[_Span, ...]:
    """Say when `count` restarts have happened, the first one after `since`."""
    if count <= 0:
        return ()
    if container.started is None:
        return (_Span(place, since, now, count),)
    # The latest start is the latest restart. Clocks differ, so it is fitted in.
    last = min(max(container.started, since), now)
    newest = _Span(place, last, last, 1)
    return (newest,) if count == 1 else (_Span(place, since, last, count - 1), newest)
