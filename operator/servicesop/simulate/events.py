"""The Events of a test."""

from collections.abc import Callable, Sequence
from datetime import datetime

from servicesop.judge.events import RecentEvents, Repeated
from servicesop.simulate.observations import Object
from servicesop.simulate.times import written
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.events import event_view, repeated


class GivenEvents:
    """Keeps the Events that the test gave last, and what was seen of their repetitions."""

    def __init__(self, refused: Callable[[], SourceError | None]) -> None:
        """`refused` says why Events are not known now, if so."""
        self._refused = refused
        self._seen: dict[tuple[str, ...], Repeated] = {}

    def give(self, events: Sequence[Object], now: datetime) -> None:
        """Take over all Events; those that are not given any more are gone."""
        before, self._seen = self._seen, {}
        for event in events:
            item = written(event, now)
            item.setdefault("lastTimestamp", written("now", now))
            view = event_view(item)
            name = (item.get("metadata") or {}).get("name", "")
            key = (name, view.kind, view.name, view.reason, view.message)
            self._seen[key] = repeated(before.get(key), view, now)

    async def recent(self) -> RecentEvents:
        """Give all of them. Raise SourceError while they are not known."""
        refused = self._refused()
        if refused is not None:
            raise refused
        return RecentEvents(tuple(self._seen.values()), None)
