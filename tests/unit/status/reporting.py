"""Reports about the SOP of the decisions' tests, one after the other."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from servicesop.api.sop import Spec
from servicesop.api.status import (
    Condition,
    HistoryItem,
    Intent,
    Outcome,
    Seen,
    Status,
    Tri,
)
from servicesop.decide.decide import decide
from servicesop.decide.procedures import sections_of
from servicesop.judge.debounce import Memory
from servicesop.status.conditions import Readiness, ReadyReason
from servicesop.status.report import report
from unit.decide.scenes import NOW, SOP_UID, snapshot, spec_of

READY = Readiness(Tri.TRUE, ReadyReason.OPERATIONAL, "the checks run")
NO_RUNNER = Readiness(Tri.FALSE, ReadyReason.NO_RUNNER, "no servicesop-runner")


class Reports:
    """Decides and reports again and again, each time on the status that was written before."""

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec or spec_of()
        self.status = Status()
        self.now = NOW
        self.generation = 1

    def after(
        self,
        wait: timedelta,
        checks: Mapping[str, Memory],
        *,
        intents: tuple[Intent, ...] = (),
        history: tuple[HistoryItem, ...] = (),
        readiness: Readiness = READY,
        seen: Mapping[str, tuple[Seen, ...]] | None = None,
        **around: Any,
    ) -> Status:
        """Let time pass, then report on these checks; what is not named has passed."""
        self.now += wait
        facts = snapshot(checks, self.spec, **around)
        status = self.status.model_copy(update={"intents": intents, "history": history})
        self.status = report(
            spec=self.spec,
            generation=self.generation,
            uid=SOP_UID,
            sections=sections_of(self.spec),
            checks={check.name: facts.checks[check.name] for check in self.spec.checks},
            seen=seen or {},
            decision=decide(facts, status, self.now),
            intents=intents,
            history=history,
            readiness=readiness,
            before=self.status,
            now=self.now,
        )
        return self.status

    def at_once(self, checks: Mapping[str, Memory], **around: Any) -> Status:
        return self.after(timedelta(), checks, **around)


def condition(status: Status, name: str) -> Condition:
    return next(one for one in status.conditions if one.type == name)


def ended(outcome: Outcome, identity: str = "0123456789abcdef") -> HistoryItem:
    return HistoryItem(
        time=NOW,
        id=identity,
        action="restart",
        workload="fleet-manager",
        procedure="Latency",
        outcome=outcome,
    )
