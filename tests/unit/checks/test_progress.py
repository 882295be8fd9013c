"""Whether a StatefulSet is new, and whether it gets on, as one process sees it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from servicesop.api.kinds import WorkloadKind
from servicesop.checks.progress import DEADLINE, Progress, Standing
from servicesop.judge.rollout import PodView
from unit.decide.scenes import deployment

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SET = replace(
    deployment(),
    kind=WorkloadKind.STATEFUL_SET,
    created=NOW - MINUTE,
    current_revision="one",
    update_revision="one",
)


def pods(ready: int, of: int = 3, *, old: int = 0) -> list[PodView]:
    """The first ones are ready, the last ones are old."""
    return [
        PodView(f"db-{n}", f"u{n}", "zero" if n >= of - old else "one", n < ready, False, ())
        for n in range(of)
    ]


def test_a_new_one_is_starting_until_its_pods_have_all_been_ready_once() -> None:
    progress = Progress()
    assert progress.look(SET, pods(0), NOW).starting
    assert progress.look(SET, pods(2), NOW + MINUTE).starting
    assert not progress.look(SET, pods(3), NOW + 2 * MINUTE).starting
    assert not progress.look(SET, pods(2), NOW + 3 * MINUTE).starting
    # Another one of the same name is new again.
    assert progress.look(replace(SET, uid="other"), pods(0), NOW + 3 * MINUTE).starting


def test_an_old_one_that_lacks_pods_is_not_starting() -> None:
    assert not Progress().look(replace(SET, created=NOW - DEADLINE), pods(1), NOW).starting
    assert not Progress().look(replace(SET, created=None), pods(1), NOW).starting


def test_without_any_change_it_is_stalled_after_the_deadline_and_each_change_begins_it_anew() -> (
    None
):
    progress = Progress()
    assert not progress.look(SET, pods(1), NOW).stalled
    assert not progress.look(SET, pods(1), NOW + DEADLINE - MINUTE).stalled
    assert progress.look(SET, pods(1), NOW + DEADLINE).stalled
    changes = [(SET, 2), (replace(SET, updated=1), 2), (replace(SET, generation=8), 2)]
    for number, (workload, ready) in enumerate(changes):
        now = NOW + DEADLINE * (number + 2)
        assert not progress.look(workload, pods(ready), now).stalled


def test_a_deployment_says_so_itself() -> None:
    progress = Progress()
    progress.look(deployment(), pods(0), NOW)
    assert progress.look(deployment(), pods(0), NOW + 2 * DEADLINE) == Standing()


def test_the_last_pod_that_a_rollback_replaces_is_not_taken_for_a_lost_one() -> None:
    progress = Progress()
    back = replace(SET, current=3, updated=2)
    assert progress.look(back, pods(2, old=1), NOW).replacing
    # The old one is gone, its successor is not ready: nothing but memory tells it from a loss.
    assert progress.look(SET, pods(2, of=2), NOW + MINUTE).replacing
    assert progress.look(SET, pods(2), NOW + MINUTE).replacing
    assert not progress.look(SET, pods(3), NOW + 2 * MINUTE).replacing
    assert not progress.look(SET, pods(2), NOW + 3 * MINUTE).replacing
