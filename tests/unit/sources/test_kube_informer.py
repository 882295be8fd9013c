"""What an informer does with answers that a real API server does not give on request."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient, Page
from servicesop.sources.kubernetes.informer import (
    MAX_BLIND_SECONDS,
    MAX_DELAY_SECONDS,
    Informer,
    Key,
)

PATH = "/api/v1/namespaces/ns/pods"


def item(name: str, version: str, value: str = "") -> Json:
    metadata = {"namespace": "ns", "name": name, "resourceVersion": version}
    return {"metadata": metadata, "value": value}


class Script:
    """Plays one step per request: a list, a watch or an error; then hangs for ever."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)
        self.asked: list[tuple[str, str]] = []
        self.done = asyncio.Event()

    def _next(self) -> object:
        if self.steps:
            return self.steps.pop(0)
        self.done.set()
        return None

    async def list_pages(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Page, None]:
        self.asked.append(("list", query.get("resourceVersion", "")))
        step = self._next()
        if isinstance(step, Exception):
            raise step
        if step is None:
            await asyncio.Event().wait()
        for page in cast("list[Page]", step):
            yield page

    async def watch(
        self, path: str, query: Mapping[str, str], *, on_open: Callable[[], None]
    ) -> AsyncGenerator[tuple[str, Json], None]:
        self.asked.append(("watch", query["resourceVersion"]))
        step = self._next()
        if isinstance(step, Exception):
            raise step
        on_open()
        if step is None:
            await asyncio.Event().wait()
        for event in cast("list[Any]", step):
            if isinstance(event, Exception):
                raise event
            yield event


class Harness:
    def __init__(self, script: Script, most: int | None = None) -> None:
        self.script = script
        self.lost = 0
        self.now = 0.0
        self.slept: list[float] = []
        self.changes: list[tuple[str, str | None, str | None]] = []
        self.informer: Informer[str] = Informer(
            cast("KubeClient", script),
            PATH,
            slim=lambda obj: str(obj["value"]),
            on_change=self._changed,
            most=most,
            on_lost=self._lose,
            sleep=self._sleep,
            jitter=lambda: 1.0,
            clock=lambda: self.now,
        )

    def _lose(self) -> None:
        self.lost += 1

    def _changed(self, key: Key, old: str | None, new: str | None) -> None:
        self.changes.append((key[1], old, new))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    @asynccontextmanager
    async def played(self) -> AsyncGenerator[None, None]:
        task = asyncio.create_task(self.informer.run())
        try:
            await asyncio.wait_for(self.script.done.wait(), 5)
            assert not task.done()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_pages_are_one_list_and_the_watch_goes_on_from_its_version() -> None:
    pages = [Page([item("a", "1", "x")], "7"), Page([item("b", "2", "y")], "7")]
    events = [
        ("ADDED", item("c", "8", "z")),
        ("MODIFIED", item("a", "9", "x2")),
        ("MODIFIED", item("b", "10", "y")),
        ("DELETED", item("c", "11", "z")),
        ("BOOKMARK", {"metadata": {"resourceVersion": "20"}}),
    ]
    harness = Harness(Script(pages, events))
    async with harness.played():
        assert harness.informer.objects == {("ns", "a"): "x2", ("ns", "b"): "y"}
        assert harness.script.asked == [("list", ""), ("watch", "7"), ("watch", "20")]
        assert harness.changes == [
            ("a", None, "x"),
            ("b", None, "y"),
            ("c", None, "z"),
            ("a", "x", "x2"),
            ("c", "z", None),
        ]


@pytest.mark.parametrize("where", ["event", "answer"])
async def test_after_410_the_list_is_read_again_and_what_it_lacks_is_told_as_deleted(
    where: str,
) -> None:
    first = [Page([item("a", "1", "x"), item("b", "2", "y")], "2")]
    again = [Page([item("a", "1", "x"), item("c", "9", "z")], "9")]
    gone = ApiError(410, "Expired")
    harness = Harness(Script(first, [gone] if where == "event" else gone, again))
    async with harness.played():
        assert harness.script.asked == [("list", ""), ("watch", "2"), ("list", ""), ("watch", "9")]
        assert harness.changes[2:] == [("b", "y", None), ("c", None, "z")]
        assert ("ns", "b") not in harness.informer.objects


@pytest.mark.parametrize(
    "failure",
    [
        ApiUnreachable(),
        ApiError(403, "Forbidden"),
        ApiError(429, "TooManyRequests"),
        ApiError(500, "InternalError"),
        ApiError(503, ""),
        ApiError(200, "BadAnswer"),
    ],
    ids=repr,
)
async def test_a_passing_failure_loses_nothing_and_lists_nothing_again(failure: Exception) -> None:
    harness = Harness(Script([Page([item("a", "1")], "5")], [failure], failure, failure))
    async with harness.played():
        assert harness.script.asked == [("list", ""), *[("watch", "5")] * 4]


async def test_waiting_grows_but_never_beyond_three_seconds() -> None:
    harness = Harness(Script(*[ApiUnreachable() for _ in range(40)]))
    async with harness.played():
        assert len(harness.slept) == 40
        assert harness.slept[0] < 0.2
        assert harness.slept == sorted(harness.slept)
        assert max(harness.slept) == MAX_DELAY_SECONDS


async def test_watches_that_close_at_once_do_not_make_a_hot_loop() -> None:
    harness = Harness(Script([Page([], "5")], *[[] for _ in range(20)]))
    async with harness.played():
        assert harness.slept[-1] == MAX_DELAY_SECONDS


async def test_an_object_that_cannot_be_understood_makes_the_view_unknown_not_dead() -> None:
    bad = {"metadata": {"namespace": "ns", "name": "bad", "resourceVersion": "6"}}
    good = [Page([item("a", "1", "x")], "5")]
    harness = Harness(Script(good, [("ADDED", bad)], [Page([bad], "6")], ApiUnreachable(), good))
    async with harness.played():
        assert [kind for kind, _ in harness.script.asked] == [
            *("list", "watch", "list", "list", "list", "watch")
        ]
        assert harness.informer.objects == {("ns", "a"): "x"}


async def test_a_view_that_no_watch_renews_is_usable_for_a_while_only() -> None:
    steps = [ApiUnreachable() for _ in range(12)]
    harness = Harness(Script([Page([item("a", "1")], "5")], [], *steps))
    usable: list[tuple[float, bool]] = []
    sleep = harness._sleep

    async def observed(seconds: float) -> None:
        usable.append((harness.now, harness.informer.current))
        await sleep(seconds)

    harness.informer._sleep = observed
    assert not harness.informer.current
    async with harness.played():
        lost = usable[0][0]
        assert any(not current for _, current in usable)
        assert all(current == (at - lost < MAX_BLIND_SECONDS) for at, current in usable)
        # The last watch was accepted.
        assert harness.informer.current


async def test_a_refusal_is_remembered_until_the_next_good_answer() -> None:
    harness = Harness(Script(ApiError(403, "Forbidden")))
    async with harness.played():
        assert harness.informer.refused
    harness = Harness(Script(ApiError(403, "Forbidden"), [Page([], "5")]))
    async with harness.played():
        assert not harness.informer.refused


async def test_objects_beyond_the_limit_are_told_of_and_not_kept() -> None:
    events = [
        ("ADDED", item("d", "8")),
        ("MODIFIED", item("a", "9", "x")),
        ("DELETED", item("b", "10")),
        ("ADDED", item("e", "11")),
    ]
    pages = [Page([item(name, "1") for name in "abc"], "7"), Page([item("x", "1")], "7")]
    harness = Harness(Script(pages, events), most=2)
    async with harness.played():
        assert harness.informer.objects == {("ns", "a"): "x", ("ns", "e"): ""}
    assert harness.lost == 3


@pytest.mark.parametrize("first", [[Page([], "7")], ApiError(403, "Forbidden"), ApiUnreachable()])
async def test_the_first_answer_or_its_absence_is_told(first: object) -> None:
    harness = Harness(Script(first))
    assert not harness.informer.attempted.is_set()
    async with harness.played():
        assert harness.informer.attempted.is_set()
