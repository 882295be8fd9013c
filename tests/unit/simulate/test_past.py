"""What was done before the start counts for the limits of actions, as if the story had told it."""

import pytest

from servicesop.api.kinds import ActionKind
from unit.simulate.stories import START, faults, told

# The SOP restarts twice per six hours in vain, three times a day in all, five minutes apart.
LOST = """
given:
- {at: 0s, all: Passed}
- {at: 0s, leases: {table: leases, rows: []}}
expect:
"""
HELD = LOST.replace("rows: []", "rows: [{lease_type: cluster, leader: a, expires: now+45s}]")


def past(*acts: str) -> str:
    return f"acted: [{', '.join(f'{{act: restart, {act}}}' for act in acts)}]"


@pytest.mark.parametrize(
    ("acts", "done"),
    [
        ((), 1),
        (("ago: 5h", "ago: 1h"), 0),
        # In any order.
        (("ago: 1h", "ago: 6h1m"), 1),
        (("ago: 5h, helped: true", "ago: 1h"), 1),
        (("ago: 23h", "ago: 22h", "ago: 21h"), 0),
        (("ago: 24h1m", "ago: 22h", "ago: 21h"), 1),
        (("ago: 23h, target: api", "ago: 22h, helped: true", "ago: 21h"), 0),
    ],
)
def test_limits_count_what_was_done_before(acts: tuple[str, ...], done: int) -> None:
    assert faults(f"{past(*acts)}{LOST}- {{at: 2m, acts: {done}}}") == ()


def test_another_action_is_not_counted() -> None:
    acts = past("ago: 3h", "ago: 2h").replace("restart", "deletePod")
    assert faults(f"{acts}{LOST}- {{at: 2m, act: restart}}") == ()


def test_the_cooldown_goes_on() -> None:
    text = f"{past('ago: 2m')}{LOST}- {{at: 2m30s, acts: 0}}\n- {{at: 3m30s, act: restart}}"
    assert faults(text) == ()


def test_the_story_begins_at_its_start_and_knows_of_its_own_acts_alone() -> None:
    result = told(f"{past('ago: 7h')}{LOST}- {{at: 2m, acts: 1}}")
    assert result.faults == ()
    assert [one.name for one in result.acts] == [ActionKind.RESTART]
    assert result.acts[0].time > START


def test_what_was_done_before_is_no_reason_to_act() -> None:
    assert faults(f"{past('ago: 7h')}{HELD}- {{at: 2m, acts: 0, escalated: []}}") == ()
