"""The real servers, started once per session; and every collected test has to pass.

A server that cannot start fails the tests. A run that leaves a test out is not a passed run.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from testbed import ControlPlane, Postgres, Run, Version


def pytest_configure(config: pytest.Config) -> None:
    # Python 3.11 makes a loop by itself where pytest-asyncio first asks for one, if no test has had
    # one yet, and nobody closes it: in random order that is a warning now and then.
    asyncio.set_event_loop(None)
    # Begun in the background of a script we would ignore SIGINT, and so would all programs that
    # tests start: none of them could be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # SystemExit, as SIGTERM is usually told, would be one failed test to pytest, which goes on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.pluginmanager.register(_Count(config), "count")


class _Count:
    """Fails the session unless as many tests passed as were collected.

    Tests that the caller deselects with -k or -m are not missed.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._chosen = bool(config.option.keyword or config.option.markexpr)
        self._outcomes: Counter[str] = Counter()
        self._deselected = 0
        self._collected = 0

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        if not self._chosen:
            self._deselected += len(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = len(session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # A module that skips itself is never collected.
        if report.skipped:
            self._outcomes["skipped"] += 1

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
                ("deselected", self._deselected),
            ]
            if count
        )
        line = f"collected {self._collected + self._deselected}: {counts or 'none run'}"
        if self._is_complete():
            terminalreporter.write_line(line)
        else:
            terminalreporter.write_line(f"{line}; every collected test has to pass", red=True)

    def _is_complete(self) -> bool:
        others = self._outcomes.total() - self._outcomes["passed"]
        return not others and not self._deselected and self._outcomes["passed"] == self._collected


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    with Run() as run:
        yield run


@pytest.fixture(scope="session")
def control_plane(run: Run) -> Iterator[ControlPlane]:
    with ControlPlane(run, nodes=2) as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def postgres_of(run: Run) -> Iterator[Callable[[Version], Postgres]]:
    """Give the session's server of a version, started when it is first asked for."""
    started: dict[Version, Postgres] = {}
    with ExitStack() as servers:

        def postgres_of(version: Version) -> Postgres:
            if version not in started:
                started[version] = servers.enter_context(Postgres(run, version))
            return started[version]

        yield postgres_of


@pytest.fixture(scope="session")
def postgres(postgres_of: Callable[[Version], Postgres]) -> Postgres:
    return postgres_of(Version.V18)
