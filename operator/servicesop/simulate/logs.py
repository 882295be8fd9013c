"""The logs of a test's pods."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from servicesop.checks.runner import NO_TURN, Turn
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.logs import LogRequest, OnChunk


@dataclass(frozen=True, slots=True)
class Line:
    """One line, and when it was logged."""

    time: datetime
    served: bytes
    """The line as a kubelet serves it."""


def _line(time: datetime, text: str) -> Line:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return Line(time, f"{stamp}000Z {text}\n".encode())


def _time(line: Line) -> datetime:
    return line.time


class PodLogs:
    """Keeps what containers log, and serves it as a kubelet would."""

    def __init__(
        self, now: Callable[[], datetime], refused: Callable[[], SourceError | None]
    ) -> None:
        """`refused` says why no log can be read now, if so."""
        self._now = now
        self._refused = refused
        self._lines: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        self._counts: Counter[tuple[str, str, datetime]] = Counter()
        self._began: dict[str, Line] = {}
        """The line with which a pod's logs begin."""

    def begin(self, pod: str, started: datetime) -> None:
        """Begin the logs of a new pod: empty, and whole from its start on."""
        for key in [key for key in self._lines if key[0] == pod]:
            # What is still to come is logged by the new pod.
            self._lines[key] = [line for line in self._lines[key] if line.time > self._now()]
        self._began[pod] = _line(started, "")

    def add(self, pod: str, container: str, time: datetime, texts: Sequence[str]) -> None:
        """Log lines, or let them be logged when that time comes."""
        for text in texts:
            # Lines of one moment keep their order by their fractions of a second.
            same = self._counts[pod, container, time]
            self._counts[pod, container, time] += 1
            line = _line(time + timedelta(microseconds=same), text)
            insort(self._lines[pod, container], line, key=_time)

    @property
    def turns(self) -> Turn:
        """No bound."""
        return NO_TURN

    async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
        """Feed the log, each line with its timestamp, oldest first."""
        pod, since, tail = request.pod, request.since, request.tail
        refused = self._refused()
        if refused is not None:
            raise refused
        # Without a first line at its start, a log may have lost what stood before its first one.
        begun = [self._began[pod]] if pod in self._began else []
        now = self._now() + timedelta(seconds=1)
        written = self._lines[pod, request.container]
        first = 0
        if since is not None:
            whole = since.replace(microsecond=0)
            begun = [line for line in begun if line.time >= whole]
            first = bisect_left(written, whole, key=_time)
        end = bisect_left(written, now, key=_time)
        lines = [] if request.previous else [*begun, *written[first:end]]
        if tail is not None:
            lines = lines[-tail:]
        on_chunk(b"".join(line.served for line in lines))
