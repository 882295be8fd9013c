"""Which differences in what is remembered of a check a decision has to be made anew for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState
from servicesop.judge.debounce import Memory, _Seen
from servicesop.judge.results import PodRef, failed, inconclusive, passed

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
MEMORY = Memory(CheckState.FAILED, NOW, passed(), passed(), NOW, known_runs=1)


@pytest.mark.parametrize(
    "change",
    [
        {"state": CheckState.ERROR},
        {"since": LATER},
        {"confirmed": frozenset({"Stuck"})},
        {"failing": {"Stuck": _Seen(NOW, 1)}},
        {"causes": ("led",)},
        {"known_runs": 2},
        {"last": passed("another sentence")},
        {"last": inconclusive(UnknownReason.ROLLING_OUT, "")},
        {"newest": failed({"Stuck"}, "")},
        {"newest": replace(passed(), pod=PodRef("api-0", "uid"))},
        {"newest": replace(passed(), pod_unclear=True)},
    ],
    ids=str,
)
def test_what_a_decision_may_take_from_it_counts(change: dict[str, Any]) -> None:
    assert replace(MEMORY, **change).gist != MEMORY.gist


@pytest.mark.parametrize(
    "change",
    [{"sampled": LATER}, {"unknown_runs": 1}, {"last": passed(evidence=("api-0",))}],
    ids=str,
)
def test_what_moves_with_every_run_does_not(change: dict[str, Any]) -> None:
    assert replace(MEMORY, **change).gist == MEMORY.gist
