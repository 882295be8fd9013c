"""How many restarts a window holds: for certain, and at most."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from servicesop.checks.restarts import MAX_SPANS, RestartCount, RestartWindow
from servicesop.judge.rollout import ContainerView, PodView

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOW + timedelta(minutes=minutes)


def pod(
    restarts: int,
    started: datetime | None = None,
    *,
    name: str = "a",
    created: datetime | None = None,
    uid: str = "",
) -> PodView:
    container = ContainerView("service", f"c{restarts}", restarts, True, "", started)
    return PodView(name, uid or name, "t", True, False, (container,), created)


def both(count: RestartCount) -> tuple[int, int]:
    return count.least, count.most


@pytest.mark.parametrize(
    ("seen", "least", "most"),
    [
        (pod(0, at(-600)), 0, 0),
        # The latest restart is known by the latest start.
        (pod(1, at(-10), created=at(-600)), 1, 1),
        (pod(1, at(-61), created=at(-600)), 0, 0),
        # The earlier ones were somewhere between.
        (pod(5, at(-10), created=at(-600)), 1, 5),
        # All of them, where the pod is younger than the window.
        (pod(5, at(-10), created=at(-30)), 5, 5),
        # None of them, where even the latest is older.
        (pod(5, at(-61), created=at(-600)), 0, 0),
        # Without any time of a start they may have been at any time.
        (pod(2, None, created=at(-600)), 0, 2),
        (pod(2, None, created=at(-30)), 2, 2),
        (pod(2, at(-10)), 1, 2),
        # Clocks differ.
        (pod(1, at(2), created=at(-600)), 1, 1),
        (pod(1, at(-61), created=at(-30)), 1, 1),
    ],
)
def test_at_the_first_look_the_rest_is_a_lower_bound(seen: PodView, least: int, most: int) -> None:
    assert both(RestartWindow(HOUR).look([seen], NOW)) == (least, most)


def test_what_is_seen_to_happen_is_known_until_it_leaves_the_window() -> None:
    window = RestartWindow(HOUR)
    window.look([pod(7, at(-600), created=at(-900))], at(0))
    assert both(window.look([pod(8, at(1), created=at(-900))], at(1))) == (1, 1)
    # Two at once: one of them between the looks.
    assert both(window.look([pod(10, at(5), created=at(-900))], at(5))) == (3, 3)
    later = [pod(10, at(5), created=at(-900))]
    assert both(window.look(later, at(60))) == (3, 3)
    assert both(window.look(later, at(62))) == (1, 2)
    assert both(window.look(later, at(65))) == (1, 2)
    assert both(window.look(later, at(66))) == (0, 0)


def test_restarts_of_pods_that_are_gone_still_count() -> None:
    window = RestartWindow(HOUR)
    window.look([pod(0, at(-1), created=at(-1))], at(0))
    window.look([pod(2, at(3), created=at(-1))], at(3))
    successor = pod(0, at(4), created=at(4), uid="b")
    count = window.look([successor], at(5))
    assert both(count) == (2, 2)
    assert count.by_container == ((("a", "service"), 2),)
    assert both(window.look([successor], at(64))) == (0, 0)


def test_a_successor_of_the_same_name_begins_at_nothing() -> None:
    window = RestartWindow(HOUR)
    window.look([pod(9, at(-500), created=at(-600))], at(0))
    assert both(window.look([pod(1, at(2), created=at(1), uid="b")], at(2))) == (1, 1)


def test_a_count_that_goes_back_is_a_new_beginning() -> None:
    window = RestartWindow(HOUR)
    window.look([pod(9, at(-500), created=at(-600))], at(0))
    assert both(window.look([pod(0, at(1), created=at(-600))], at(1))) == (0, 0)
    assert both(window.look([pod(1, at(2), created=at(-600))], at(2))) == (1, 1)


def test_another_process_counts_for_certain_only_what_must_have_been_in_the_window() -> None:
    old = [pod(5, at(5), created=at(-900))]
    first = RestartWindow(HOUR)
    first.look([pod(0, at(-900), created=at(-900))], at(0))
    assert both(first.look(old, at(5))) == (5, 5)
    second = RestartWindow(HOUR)
    assert both(second.look(old, at(6))) == (1, 5)
    # With what it sees itself, it is certain again of as much as that; of all, later.
    newer = [pod(7, at(8), created=at(-900))]
    assert both(second.look(newer, at(8))) == (3, 7)
    assert both(second.look(newer, at(66))) == (2, 2)
    # Of a pod that is gone by then, nothing is known.
    assert both(RestartWindow(HOUR).look([pod(0, at(6), created=at(6), uid="b")], at(6))) == (0, 0)


def test_containers_are_told_apart_most_restarts_first() -> None:
    one, two = pod(1, at(-1), created=at(-9)), pod(3, at(-1), name="b", created=at(-9))
    sidecar = replace(one.containers[0], name="envoy", restarts=0)
    one = replace(one, containers=(*one.containers, sidecar))
    count = RestartWindow(HOUR).look([one, two], NOW)
    assert count.by_container == ((("b", "service"), 3), (("a", "service"), 1))


def test_memory_is_bounded_however_often_containers_restart() -> None:
    window = RestartWindow(HOUR)
    for number in range(3 * MAX_SPANS):
        moment = NOW + timedelta(milliseconds=number)
        count = window.look([pod(number, moment, created=at(-1))], moment)
    assert both(count) == (MAX_SPANS, MAX_SPANS)
    for number in range(50):
        window.look([pod(1, at(100), name=f"n{number}", created=at(99))], at(100))
    assert len(window._spans) == 50
    assert len(window._seen) == 1
