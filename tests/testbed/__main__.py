"""`python -m testbed`: build and fetch what the servers need and is not in the cache yet."""

import sys

from testbed import ServerError, Version, binaries
from testbed.monitoring_programs import alertmanager_program, prometheus_program
from testbed.pgbouncer import pgbouncer_installation
from testbed.postgres_programs import installation


def main() -> int:
    try:
        binaries.ensure()
        prometheus_program()
        for version in Version:
            installation(version)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    for fetch in (alertmanager_program, pgbouncer_installation):
        try:
            fetch()
        except ServerError as error:
            # Not every machine has apt: there the tests that need it fail, each by its name.
            print(error, file=sys.stderr)
    return 0


sys.exit(main())
