"""Since when rows have been seen in their status: what a check remembers beyond a restart. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from servicesop.api.status import Seen
from servicesop.api.times import next_second

MAX_KEPT = 50
_SET_BACK = 1.0
"""Seconds: what is read back was rounded up by at most as much."""


def key_of(id_: str, status: str) -> str:
    """Name a row in a status. A hash: of one length, whatever the service writes into its rows."""
    return hashlib.sha256(f"{status}\0{id_}".encode()).hexdigest()[:16]


class FirstSeen:
    """First sights of the rows of the last answer, in seconds since 1970 by the database's clock.

    It holds as many as the last answer had rows. Of these the status has to keep those that have
    waited for over half the time that they may: an earlier one would seldom matter, and would make
    the status change with every row that comes and goes.
    """

    def __init__(self) -> None:
        self._times: dict[str, float] = {}
        self._kept: tuple[Seen, ...] = ()

    @property
    def kept(self) -> tuple[Seen, ...]:
        """What has to outlive the process: at most MAX_KEPT, oldest first."""
        return self._kept

    def recall(self, kept: tuple[Seen, ...]) -> None:
        """Take back what an earlier process has kept."""
        self._kept = kept
        self._times = {one.key: one.since.timestamp() for one in kept}

    def look(self, rows: Mapping[str, float], now: float) -> None:
        """Take note of the rows that are there, each with the seconds that it may stay.

        One that is not among them is forgotten: if it comes back it starts anew.
        """
        before = self._times
        self._times = {key: before.get(key, now) for key in rows}
        for key, since in self._times.items():
            if since > now + _SET_BACK:
                # The database's clock was set back, or another server took over.
                self._times[key] = now
        old = sorted(
            (since, key) for key, since in self._times.items() if now - since > rows[key] / 2
        )
        self._kept = tuple(
            Seen(key=key, since=next_second(datetime.fromtimestamp(since, UTC)))
            for since, key in old[:MAX_KEPT]
        )

    def age(self, key: str, now: float) -> float:
        """Give how long a row has been seen, in seconds; 0 where it was not followed."""
        return max(0.0, now - self._times.get(key, now))
