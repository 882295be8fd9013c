"""An SOP at rest: its last decision has changed nothing, and until when the next one cannot either.

Most turns find what the one before has found. All that a decision and its report rest on is
compared, and only a difference, or time, makes it worth while to decide again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LONGEST: Final = timedelta(minutes=1)
"""Should a decision ever rest on more than its ground says, it is late by this, not lost."""

Ground = tuple[object, ...]
"""What a decision rests on, its time aside; on equal grounds it is the same."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A decision that has changed nothing."""

    ground: Ground
    since: datetime
    until: datetime | None
    """From then on time alone may change it; None: it never does."""

    def holds(self, ground: Ground, now: datetime) -> bool:
        """Say whether to decide on this ground would change nothing, again."""
        if now >= self.since + LONGEST or (self.until is not None and now >= self.until):
            return False
        return ground == self.ground
