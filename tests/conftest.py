"""The real servers, started once per session. A server that cannot start fails the tests."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import counted
import leftovers
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
    counted.register(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # In random order a long file may be begun last, and all but one worker would wait for its end.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="module", autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Let a file fail for what it forgot to close, not who comes when Python next collects.

    After each test it would take minutes.
    """
    yield
    leftovers.collect()


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
