"""`servicesop` as it is, but it prints of each run of a check how late its source was asked.

Late is all that passed since the scheduler had the run due: in the scheduler, and in whatever a run
waits for before it may ask.
"""

import time
from datetime import datetime
from unittest.mock import patch

from servicesop.api.checks.check import Check
from servicesop.app import operator
from servicesop.checks.registry import build
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.cli.main import main
from servicesop.engine import engine
from servicesop.engine.scheduler import Entry, Scheduler
from servicesop.judge.results import Sample

PREFIX = "asked: "

_due: dict[str, float] = {}
"""When the run of a check that is on was due; the tests give each check a name of its own."""


class _NotingScheduler(Scheduler):
    def _begin(self, entry: Entry, due: float, now: float) -> None:
        if not entry.running:
            _due[entry.key[1]] = due  # type: ignore[index]  # the engine's keys are pairs
        super()._begin(entry, due, now)


class _NotingRunner:
    def __init__(self, name: str, runner: CheckRunner) -> None:
        self._name = name
        self._runner = runner

    def __getattr__(self, name: str) -> object:
        return getattr(self._runner, name)

    async def run(self, now: datetime) -> Sample:
        late = time.monotonic() - _due[self._name]
        print(f"{PREFIX}{self._name} {late:.6f}", flush=True)
        return await self._runner.run(now)


def _noting_build(check: Check, surroundings: Surroundings) -> CheckRunner:
    return _NotingRunner(check.name, build(check, surroundings))  # type: ignore[return-value]  # by __getattr__


if __name__ == "__main__":
    with (
        patch.object(engine, "Scheduler", _NotingScheduler),
        patch.object(operator, "build", _noting_build),
    ):
        main()
