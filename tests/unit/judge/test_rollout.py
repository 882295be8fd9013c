"""Where a rollout stands, judged from one view of the Deployment."""

import pytest

from servicesop.judge.rollout import Rollout, rollout_of
from unit.decide.scenes import deployment


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
