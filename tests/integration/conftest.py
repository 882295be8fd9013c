"""Every database test here runs on every version of PostgreSQL: it asks for `postgres`.

The older versions are a stage of their own (`make test-databases`).
"""

from collections.abc import Callable

import pytest

from testbed import Postgres, Version

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
