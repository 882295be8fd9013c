"""Where a rollout stands, judged from one view of the workload."""

from dataclasses import replace
from typing import Any

import pytest

from servicesop.api.kinds import WorkloadKind
from servicesop.judge.rollout import PodView, Rollout, holding_up, replacing, rollout_of
from unit.decide.scenes import deployment

SET = replace(
    deployment(),
    kind=WorkloadKind.STATEFUL_SET,
    name="db",
    ordered=True,
    current_revision="db-old",
    update_revision="db-old",
)
ROLLS: dict[str, Any] = {"update_revision": "db-new", "updated": 1}


def pod(ordinal: int, revision: str = "db-old", *, ready: bool = True) -> PodView:
    return PodView(f"db-{ordinal}", f"u{ordinal}", revision, ready, False, ())


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({}, Rollout.COMPLETE),
        ({"replicas": 0, "current": 0, "updated": 0}, Rollout.COMPLETE),
        # A pod that is not ready is no rollout.
        ({"ready": 0, "available": 0}, Rollout.COMPLETE),
        ({"observed_generation": 6}, Rollout.NOT_OBSERVED),
        ({"updated": 2}, Rollout.IN_PROGRESS),
        ({"current": 4}, Rollout.IN_PROGRESS),
        ({"deadline_exceeded": True, "updated": 1}, Rollout.FAILED),
        ({"paused": True, "updated": 1}, Rollout.PAUSED),
        # What the controllers have not seen says nothing about the latest change.
        ({"observed_generation": 6, "deadline_exceeded": True}, Rollout.NOT_OBSERVED),
        ({"paused": True, "observed_generation": 6, "deadline_exceeded": True}, Rollout.PAUSED),
    ],
)
def test_the_first_thing_that_stands_against_completion_decides(
    changes: dict[str, int | bool], stands: Rollout
) -> None:
    assert rollout_of(deployment(**changes)) is stands


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({}, Rollout.COMPLETE),
        ({"replicas": 0, "current": 0, "updated": 0, "ready": 0, "available": 0}, Rollout.COMPLETE),
        # What the controller has not seen comes before what it says.
        ({"observed_generation": 6, **ROLLS}, Rollout.NOT_OBSERVED),
        (ROLLS, Rollout.IN_PROGRESS),
        # The last new pod is there, and the controller waits until it is ready.
        ({"update_revision": "db-new", "updated": 3}, Rollout.IN_PROGRESS),
        # A rollback in the middle: the revisions are equal at once, pods of the other one remain.
        ({"updated": 2}, Rollout.IN_PROGRESS),
        # All ready, not all for minReadySeconds.
        ({"available": 2}, Rollout.IN_PROGRESS),
        # A lost pod counts nowhere until its successor is there: that is no rollout.
        ({"current": 2, "updated": 2, "ready": 2, "available": 2}, Rollout.COMPLETE),
        ({"ready": 2, "available": 2}, Rollout.COMPLETE),
        # Nothing is replaced by itself.
        ({"on_delete": True, **ROLLS}, Rollout.COMPLETE),
        # Replaced down to the partition, and no further.
        ({"partition": 2, **ROLLS}, Rollout.COMPLETE),
        ({"partition": 1, **ROLLS}, Rollout.IN_PROGRESS),
        ({"partition": 9, "update_revision": "db-new", "updated": 0}, Rollout.COMPLETE),
    ],
)
def test_a_stateful_set_is_judged_by_its_revisions(
    changes: dict[str, Any], stands: Rollout
) -> None:
    assert rollout_of(replace(SET, **changes)) is stands


@pytest.mark.parametrize(
    ("changes", "pods", "expected"),
    [
        ({}, [pod(0), pod(1), pod(2)], False),
        (ROLLS, [pod(0), pod(1), pod(2, "db-new")], True),
        # The one old pod has gone, and the new one is not there yet.
        ({"replicas": 1, "current": 0, **ROLLS, "updated": 0}, [], True),
        ({"on_delete": True, **ROLLS}, [pod(0), pod(1), pod(2, "db-new")], False),
        ({"partition": 1, **ROLLS}, [pod(0), pod(1), pod(2, "db-new")], True),
        # Below the partition all is as it was; a lost pod above it comes back in its new form.
        ({"partition": 1, **ROLLS}, [pod(0), pod(2, "db-new")], False),
        # A rollback in the middle, and a pod that is only on its way out.
        ({"updated": 2}, [pod(0), pod(1), pod(2, "db-new")], True),
        ({"updated": 2}, [pod(0), pod(1)], False),
        # Waiting for minReadySeconds replaces nothing.
        ({"available": 2}, [pod(0), pod(1), pod(2)], False),
    ],
)
def test_pods_of_a_stateful_set_are_being_replaced_while_old_ones_have_to_go(
    changes: dict[str, Any], pods: list[PodView], expected: bool
) -> None:
    assert replacing(replace(SET, **changes), pods) is expected


@pytest.mark.parametrize(
    ("changes", "pods", "expected"),
    [
        # Pod 2 is not made before pod 1 is ready.
        ({}, [pod(0), pod(1, ready=False)], "db-1"),
        ({}, [pod(0, ready=False), pod(1, ready=False)], "db-0"),
        # All are there, and nothing is to be replaced: nobody waits.
        ({}, [pod(0), pod(1, ready=False), pod(2)], None),
        # Unless a rollout is to go on below it.
        (ROLLS, [pod(0), pod(1), pod(2, "db-new", ready=False)], "db-2"),
        ({"ordered": False}, [pod(0), pod(1, ready=False)], None),
    ],
)
def test_an_unready_pod_holds_up_the_others_of_an_ordered_stateful_set(
    changes: dict[str, Any], pods: list[PodView], expected: str | None
) -> None:
    found = holding_up(replace(SET, **changes), pods)
    assert (found.name if found else None) == expected
