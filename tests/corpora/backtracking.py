"""Tell which patterns hold Python's re for too long; run as a program, because nothing else can.

Takes a JSON list of [pattern, text] on standard input, and prints a list of booleans.
"""

import json
import re
import signal
import sys
from types import FrameType

HELD = 1.0
"""Seconds of computing."""


class _TooLongError(Exception):
    pass


def _stop(number: int, frame: FrameType | None) -> None:
    raise _TooLongError


def holds(pattern: str, text: str) -> bool:
    """Whether the search takes more than HELD seconds; it is stopped then."""
    compiled = re.compile(pattern)
    signal.setitimer(signal.ITIMER_VIRTUAL, HELD)
    try:
        compiled.search(text)
    except _TooLongError:
        return True
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return False


if __name__ == "__main__":
    signal.signal(signal.SIGVTALRM, _stop)
    print(json.dumps([holds(pattern, text) for pattern, text in json.load(sys.stdin)]))
