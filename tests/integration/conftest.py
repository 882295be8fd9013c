"""Every database test here runs on every version of PostgreSQL: it asks for `postgres`.

The older versions are a stage of their own (`make test-databases`).
"""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from integration import cli_place
from integration.monitored import Monitored, monitored
from integration.reader import Reader, new_reader
from testbed import ControlPlane, Postgres, Run, Version

NEWEST = Version.V18
VERSIONS = [
    pytest.param(version, marks=() if version is NEWEST else pytest.mark.databases)
    for version in Version
]


@pytest.fixture(scope="session", params=VERSIONS)
def postgres(
    request: pytest.FixtureRequest, postgres_of: Callable[[Version], Postgres]
) -> Postgres:
    return postgres_of(request.param)


@pytest.fixture
async def reader(postgres: Postgres) -> AsyncIterator[Reader]:
    """Who may only read, in a database of the test's own; files of tests put something into it."""
    reader = new_reader(postgres)
    yield reader
    reader.databases.close()


@pytest.fixture(scope="module")
def place(
    control_plane: ControlPlane, postgres_of: Callable[[Version], Postgres], run: Run
) -> Iterator[cli_place.Place]:
    """Where `servicesop check` is run; not for longer, because what is logged there grows old."""
    reader = new_reader(postgres_of(NEWEST))
    with cli_place.new_place(control_plane, reader, run.subdirectory("home")) as place:
        yield place
    reader.databases.close()


@pytest.fixture(scope="session")
def watched(run: Run) -> Iterator[Monitored]:
    """One Prometheus and one Alertmanager for all tests; a test exports what it needs."""
    with monitored(run) as servers:
        yield servers
