"""Every database test here runs on every version of PostgreSQL: it asks for `postgres`."""

from collections.abc import Callable

import pytest

from testbed import Postgres, Version


@pytest.fixture(scope="session", params=Version)
def postgres(
    request: pytest.FixtureRequest, postgres_of: Callable[[Version], Postgres]
) -> Postgres:
    return postgres_of(request.param)
