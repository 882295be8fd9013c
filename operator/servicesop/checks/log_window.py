"""How many occurrences of each kind were logged in a sliding window, in bounded memory. Pure."""

from collections import Counter
from dataclasses import dataclass, field

MAX_BUCKETS = 256


@dataclass(slots=True)
class Bucket:
    """Some occurrences that were logged close together."""

    oldest: int
    newest: int
    counts: Counter[str] = field(default_factory=Counter)
    """By kind."""


class LogWindow:
    """Counts of occurrences by time, all times in nanoseconds since the epoch.

    At most 256 buckets: an occurrence leaves the window together with the newest one of its bucket,
    so a crowded one leaves late by at most 1/254 of the window, a lone one exactly when it should.
    """

    def __init__(self, length: int) -> None:
        self._width = max(1, length // (MAX_BUCKETS - 2))
        self.buckets: dict[int, Bucket] = {}

    def add(self, at: int, kind: str = "", count: int = 1) -> None:
        """Count occurrences. `at` must not lie in the future, or the memory is not bounded."""
        bucket = self.buckets.setdefault(at // self._width, Bucket(at, at))
        bucket.counts[kind] += count
        bucket.oldest = min(bucket.oldest, at)
        bucket.newest = max(bucket.newest, at)

    def counts(self, start: int) -> Counter[str]:
        """Forget what is not newer than `start`, and count the rest by kind."""
        if not self.buckets:
            return Counter()
        for index in [i for i, bucket in self.buckets.items() if bucket.newest <= start]:
            del self.buckets[index]
        total: Counter[str] = Counter()
        for bucket in self.buckets.values():
            for kind, count in bucket.counts.items():
                total[kind] += count
        return total

    @property
    def oldest(self) -> int | None:
        """When the oldest occurrence was logged, or one that left since; None without one."""
        return min((bucket.oldest for bucket in self.buckets.values()), default=None)

    def absorb(self, other: "LogWindow") -> None:
        """Take over the occurrences of another window of the same length."""
        for bucket in other.buckets.values():
            for kind, count in bucket.counts.items():
                self.add(bucket.newest, kind, count)
