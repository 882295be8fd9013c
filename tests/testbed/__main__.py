"""`python -m testbed`: build what the servers need and is not in the cache yet."""

import sys

from testbed import ServerError, binaries


def main() -> int:
    try:
        binaries.ensure()
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
