"""The Events of the namespaces in which checks ask for them, kept current by one watch each."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from servicesop.api.reasons import UnknownReason
from servicesop.judge.events import EventView, Mark, RecentEvents, Repeated
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json, KubeClient
from servicesop.sources.kubernetes.informer import Informer, Key

MAX_EVENTS: Final = 4000
"""Events of one namespace that are kept: about 6 MiB. Of others nothing is said."""
MAX_MESSAGE: Final = 1024
"""Characters of a message that are kept."""
IDLE_SECONDS: Final = 600.0
"""How long a namespace is watched after it was last asked for."""

_REMEMBERED: Final = timedelta(hours=1)
"""The longest window."""
_APART: Final = timedelta(minutes=1)
"""Repetitions closer together than this are not told apart: it bounds the marks of one Event."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class EventCache:
    """The Events of all namespaces that are asked for. Must be used on a running loop."""

    def __init__(self, client: KubeClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._watches: dict[str, _Watch] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def of(self, namespace: str) -> "NamespaceEvents":
        """Give the Events of one namespace; its watch begins when it is first asked."""
        return NamespaceEvents(self, namespace)

    def watch(self, namespace: str) -> "_Watch":
        """Give the watch of a namespace, and keep it for a while."""
        watch = self._watches.get(namespace)
        if watch is None:
            watch = self._watches[namespace] = _Watch(self._client, namespace, self._now)
        if watch.end is not None:
            watch.end.cancel()
        loop = asyncio.get_running_loop()
        watch.end = loop.call_later(IDLE_SECONDS, self._drop, namespace)
        return watch

    async def close(self) -> None:
        """End all watches."""
        for namespace in tuple(self._watches):
            self._drop(namespace)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def unwatchable(self) -> SourceError:
        """Explain that Events may not be watched."""
        return self._client.unwatchable("Events")

    def _drop(self, namespace: str) -> None:
        watch = self._watches.pop(namespace)
        if watch.end is not None:
            watch.end.cancel()
        watch.task.cancel()
        self._ending.add(watch.task)
        watch.task.add_done_callback(self._ending.discard)


class NamespaceEvents:
    """The Events of one namespace, and of no other."""

    def __init__(self, cache: EventCache, namespace: str) -> None:
        self._cache = cache
        self._namespace = namespace

    async def recent(self) -> RecentEvents:
        """Give all Events, once they are known. Raise SourceError while they are not."""
        watch = self._cache.watch(self._namespace)
        await watch.informer.attempted.wait()
        if watch.informer.current:
            return RecentEvents(watch.seen.values(), watch.whole_since)
        if watch.informer.refused:
            raise self._cache.unwatchable()
        raise SourceError(
            UnknownReason.API_UNAVAILABLE,
            "the API server gives no complete view of this namespace's Events at the moment; it is"
            " asked again every few seconds",
        )


class _Watch:
    """The watch of one namespace."""

    def __init__(self, client: KubeClient, namespace: str, now: Callable[[], datetime]) -> None:
        self._now = now
        self.seen: dict[Key, Repeated] = {}
        self.whole_since: datetime | None = None
        self.end: asyncio.TimerHandle | None = None
        # Both APIs serve the same objects; this one shows what was written through either.
        self.informer: Informer[EventView] = Informer(
            client,
            f"/api/v1/namespaces/{namespace}/events",
            slim=event_view,
            on_change=self._changed,
            most=MAX_EVENTS,
            on_lost=self._lost,
        )
        self.task = asyncio.create_task(self.informer.run())

    def _changed(self, key: Key, _old: EventView | None, new: EventView | None) -> None:
        if new is None:
            self.seen.pop(key, None)
        else:
            self.seen[key] = repeated(self.seen.get(key), new, self._now())

    def _lost(self) -> None:
        self.whole_since = self._now()


def repeated(before: Repeated | None, new: EventView, now: datetime) -> Repeated:
    """Add what an Event says now to what was seen of it."""
    last: Mark = (new.last, new.count)
    if before is None or new.first != before.event.first or new.count < before.event.count:
        return Repeated(new, (last,) if new.count == 1 else ((new.first, 1), last))
    marks = before.marks
    if new.count == before.event.count:
        return Repeated(new, (*marks[:-1], last))
    # Of those before every window only the latest counts.
    old = sum(moment < now - _REMEMBERED for moment, _ in marks)
    marks = marks[max(0, old - 1) :]
    if len(marks) > 1 and marks[-1][0] - marks[-2][0] < _APART:
        marks = marks[:-1]
    return Repeated(new, (*marks, last))


def event_view(item: Json) -> EventView:
    """Read an Event as core/v1 serves it, whichever API it was written through. Never fails."""
    about, series = _part(item, "involvedObject"), _part(item, "series")
    moments = [
        moment
        for text in (
            item.get("firstTimestamp"),
            item.get("eventTime"),
            item.get("lastTimestamp"),
            series.get("lastObservedTime"),
        )
        if (moment := _moment(text)) is not None
    ]
    created = _moment(_part(item, "metadata").get("creationTimestamp")) or _EPOCH
    return EventView(
        kind=_text(about.get("kind")),
        name=_text(about.get("name")),
        reason=_text(item.get("reason")),
        type=_text(item.get("type")),
        message=_text(item.get("message")),
        first=min(moments, default=created),
        last=max(moments, default=created),
        count=max(1, _number(item.get("count")), _number(series.get("count"))),
        series=bool(series),
    )


def _part(item: Json, name: str) -> Json:
    part = item.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str:
    return value[:MAX_MESSAGE] if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
