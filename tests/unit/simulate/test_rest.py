"""An SOP at rest is not decided about again, and nobody can tell: what is written is the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from servicesop.api.status import Status
from servicesop.decide.decide import Decision, decide
from servicesop.decide.snapshot import Snapshot
from servicesop.engine.rest import Rest
from servicesop.status.writer import StatusWriter
from unit.simulate.stories import sop, told

FOUND = {
    "led": ["None", "Many"],
    "accepted-moves-on": ["Stuck"],
    "ocm-accepts": ["TooMany"],
}
answers = st.sampled_from(list(FOUND)).flatmap(
    lambda name: st.one_of(
        st.sampled_from(["Passed", "Passed", "Inconclusive", "Error"]).map(
            lambda result: {"check": name, "result": result}
        ),
        st.sampled_from(FOUND[name]).map(lambda finding: {"check": name, "finding": finding}),
    )
)
FLEET = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "fleet-manager"}}
WORLD: list[dict[str, Any]] = [
    {"sources": {"workloads": "Unreachable"}},
    {"sources": {"workloads": "Answers"}},
    {"objects": [{**FLEET, "spec": {"paused": True}}]},
    {"objects": [FLEET]},
]
things = st.one_of(answers, answers, answers, st.sampled_from(WORLD))
stories = st.lists(st.tuples(st.integers(0, 90), things), min_size=1, max_size=6).map(
    lambda given: [{"at": f"{at}m", **thing} for at, thing in given]
)
Written = list[tuple[str, Status]]


@contextmanager
def written() -> Iterator[Written]:
    """Give what is written, with the resourceVersions at which it is."""
    found: Written = []
    write = StatusWriter.write

    async def noted(
        self: StatusWriter, namespace: str, name: str, resource_version: str, status: Status
    ) -> str:
        found.append((resource_version, status))
        return await write(self, namespace, name, resource_version, status)

    with patch.object(StatusWriter, "write", noted):
        yield found


@contextmanager
def decisions() -> Iterator[list[datetime]]:
    """Give the times at which something was decided."""
    times: list[datetime] = []

    def noted(snapshot: Snapshot, status: Status, now: datetime) -> Decision:
        times.append(now)
        return decide(snapshot, status, now)

    with patch("servicesop.engine.turn.decide", noted):
        yield times


@settings(max_examples=15, deadline=None)
@given(stories)
def test_what_is_written_is_the_same_as_if_each_turn_decided(story: list[dict[str, Any]]) -> None:
    spec = sop(reopenWithin="5m", blindFor="10m")
    text = yaml.safe_dump(
        {
            "given": [{"at": "0s", "all": "Passed"}, *story],
            "expect": [{"at": "2h", "conditions": {"Ready": "True"}}],
        }
    )
    with written() as resting:
        told(text, spec)
    with written() as restless, patch.object(Rest, "holds", lambda self, ground, now: False):
        told(text, spec)
    assert resting == restless


def test_what_stays_as_it_is_is_decided_a_few_times_only() -> None:
    story = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: ocm-accepts, finding: TooMany}
- {at: 2m, check: accepted-moves-on, finding: Stuck}
expect:
- {at: 2h, escalated: [ocm-support]}
"""
    with decisions() as times:
        assert told(story).faults == ()
    assert len(times) < 150, "240 rounds of several checks: a decision a minute, and some more"
