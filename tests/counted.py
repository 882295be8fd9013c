"""Every collected test has to pass: a run that leaves a test out is not a passed run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest


def register(config: pytest.Config) -> None:
    """Count in this process, be it the session's own or a worker's."""
    config.pluginmanager.register(
        _WorkersCount(config) if hasattr(config, "workerinput") else _Count(config), "count"
    )


class _Collected:
    """Counts what was collected and what was left out of that.

    Tests that the caller deselects with -k or -m are not missed.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._chosen = bool(config.option.keyword or config.option.markexpr)
        self.collected = 0
        self.deselected = 0
        self.skipped_modules = 0

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        if not self._chosen:
            self.deselected += len(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected = len(session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # A module that skips itself is never collected.
        if report.skipped:
            self.skipped_modules += 1


class _WorkersCount(_Collected):
    """Counts in a worker of pytest-xdist, which alone collects, and tells the session that."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        self._config = config

    def pytest_sessionfinish(self) -> None:
        # The way of pytest-xdist to tell the session something.
        self._config.workeroutput.update(  # type: ignore[attr-defined]
            collected=self.collected,
            deselected=self.deselected,
            skipped_modules=self.skipped_modules,
        )


class _Count(_Collected):
    """Fails the session unless as many tests passed as were collected."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        self._outcomes: Counter[str] = Counter()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        # Each worker collects everything. One that dies says nothing, and xdist fails its test.
        told = getattr(node, "workeroutput", {})
        self.collected = max(self.collected, told.get("collected", 0))
        self.deselected = max(self.deselected, told.get("deselected", 0))
        self.skipped_modules = max(self.skipped_modules, told.get("skipped_modules", 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "wasxfail"):
            self._outcomes["xfail"] += 1
        elif report.outcome != "passed" or report.when == "call":
            self._outcomes[report.outcome] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if not session.config.option.collectonly and not self._is_complete():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if terminalreporter.config.option.collectonly:
            return
        counts = ", ".join(
            f"{count} {outcome}"
            for outcome, count in [
                *sorted(self._outcomes.items()),
                ("modules skipped", self.skipped_modules),
                ("deselected", self.deselected),
            ]
            if count
        )
        line = f"collected {self.collected + self.deselected}: {counts or 'none run'}"
        if self._is_complete():
            terminalreporter.write_line(line)
        else:
            terminalreporter.write_line(f"{line}; every collected test has to pass", red=True)

    def _is_complete(self) -> bool:
        others = self._outcomes.total() - self._outcomes["passed"] + self.skipped_modules
        return not others and not self.deselected and self._outcomes["passed"] == self.collected
