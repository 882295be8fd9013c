"""How many matching lines were logged in a sliding window, in bounded memory. Pure."""

from dataclasses import dataclass

MAX_BUCKETS = 256


@dataclass(slots=True)
class Bucket:
    """Some lines that were logged close together."""

    count: int
    newest: int


class LogWindow:
    """Counts of lines by time, all times in nanoseconds since the epoch.

    At most 256 buckets: a line leaves the window together with the newest line of its bucket, so a
    crowded one leaves late by at most 1/254 of the window, a lone one exactly when it should.
    """

    def __init__(self, length: int) -> None:
        self._width = max(1, length // (MAX_BUCKETS - 2))
        self.buckets: dict[int, Bucket] = {}

    def add(self, at: int, count: int = 1) -> None:
        """Count lines. `at` must not lie in the future, or the memory is not bounded."""
        bucket = self.buckets.get(at // self._width)
        if bucket is None:
            self.buckets[at // self._width] = Bucket(count, at)
        else:
            bucket.count += count
            bucket.newest = max(bucket.newest, at)

    def count(self, start: int) -> int:
        """Forget what is not newer than `start`, and count the rest."""
        for index in [i for i, bucket in self.buckets.items() if bucket.newest <= start]:
            del self.buckets[index]
        return sum(bucket.count for bucket in self.buckets.values())

    def absorb(self, other: "LogWindow") -> None:
        """Take over the lines of another window of the same length."""
        for bucket in other.buckets.values():
            self.add(bucket.newest, bucket.count)
