"""What a pod's log says of its leadership: a fold over lines, per worker. Pure.

The last line of acquired, lost and stopped tells whether the pod leads. A heartbeat tells that the
leader works; and where no such line is known (a rotation took it), also that the pod leads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, NamedTuple

import re2

from servicesop.api.checks.leader import HOLDER, WORKER, LeaderLogs
from servicesop.checks.patterns import matcher, readable, searcher

# RE2 takes two groups of one name, and an SOP's own pattern may have groups: these are ours.
_MAX_HOLDER: Final = 253
_WORKER_GROUP: Final = "servicesop_worker"
_HOLDER_GROUP: Final = "servicesop_holder"
_HOLDER_TEXT: Final = r"[^\s\[\](){},;\"']+"
_HOLDER: Final = rf"(?P<{_HOLDER_GROUP}>{_HOLDER_TEXT})"


class Says(Enum):
    """What a line says."""

    ACQUIRED = auto()
    ENDED = auto()
    """Lost or stopped."""
    WORKS = auto()


class LeaderLine(NamedTuple):
    """One line that says something of a worker's leadership."""

    says: Says
    worker: str
    holder: str = ""
    """Under which identity; empty where the line does not tell."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one pod and one worker."""

    leads: bool | None = None
    """None: no line tells."""
    holder: str = ""
    """Under which identity it leads; empty where no line tells, or it does not lead."""
    worked: int | None = None
    """The newest sign of work as a leader, in nanoseconds since the epoch."""


def step(standing: Standing, line: LeaderLine, at: int) -> Standing:
    """Take one more line into account, in the order in which they were logged."""
    match line.says:
        case Says.ACQUIRED:
            return Standing(True, line.holder, _later(standing.worked, at))
        case Says.ENDED:
            return replace(standing, leads=False, holder="")
        case Says.WORKS:
            if standing.leads is False:
                return standing
            return Standing(True, line.holder or standing.holder, _later(standing.worked, at))


def interrupted(standing: Standing) -> Standing:
    """Give what is still known when lines may have been missed: only when it last worked."""
    return Standing(worked=standing.worked)


def _later(one: int | None, other: int) -> int:
    return other if one is None else max(one, other)


class LeaderLineReader:
    """Recognises the lines of the named workers; all others say nothing."""

    def __init__(self, spec: LeaderLogs, workers: Iterable[str]) -> None:
        """Compile the patterns. Raise SourceError for one that is too much."""
        texts = _printed(spec, workers)
        self._workers: Mapping[bytes, str] = {text.encode(): who for text, who in texts.items()}
        self._only = next(iter(texts.values())) if len(texts) == 1 else None
        named = any_of(texts)
        patterns = {"logs.acquired": (Says.ACQUIRED, spec.acquired)}
        patterns["logs.lost"] = (Says.ENDED, spec.lost)
        if spec.stopped is not None:
            patterns["logs.stopped"] = (Says.ENDED, spec.stopped)
        if spec.heartbeat is not None:
            patterns["logs.heartbeat.pattern"] = (Says.WORKS, spec.heartbeat.pattern)
        self._patterns = [
            (says, WORKER in pattern, HOLDER in pattern, searcher(_fill(pattern, named), what))
            for what, (says, pattern) in patterns.items()
        ]
        # Nearly all lines are about something else: one search is enough to know.
        self._any = matcher(
            "|".join(f"(?:{_fill(pattern, named)})" for _, pattern in patterns.values()),
            "the patterns of logs together, with all workers in each,",
        )

    def read(self, line: bytes) -> LeaderLine | None:
        """Give what a line says; the first pattern that it matches decides."""
        line = readable(line)
        if not self._any(line):
            return None
        for says, names_worker, names_holder, search in self._patterns:
            match = search(line)
            if match is None:
                continue
            worker = self._only
            if names_worker:
                worker = self._workers.get(match.group(_WORKER_GROUP))
            if worker is None:
                return None
            holder = match.group(_HOLDER_GROUP) if names_holder else b""
            return LeaderLine(says, worker, holder.decode()[:_MAX_HOLDER])
        return None


def any_of(texts: Iterable[str]) -> str:
    """Give a pattern for any of these texts, each as a word of its own and the longest first."""
    return "|".join(_word(text) for text in sorted(texts, key=lambda text: (-len(text), text)))


def _word(text: str) -> str:
    # RE2 has no look-around: `\b` stands only beside a letter, a digit or `_`.
    before = r"\b" if _is_word(text[0]) else ""
    after = r"\b" if _is_word(text[-1]) else ""
    return f"{before}{re2.escape(text)}{after}"


def _is_word(one: str) -> bool:
    return one == "_" or (one.isascii() and one.isalnum())


def _printed(spec: LeaderLogs, workers: Iterable[str]) -> dict[str, str]:
    """Give the workers by how the log prints them."""
    printed = {one.worker: one.text for one in spec.printed}
    return {printed.get(worker, worker): worker for worker in workers}


def any_line(spec: LeaderLogs, workers: Iterable[str]) -> str:
    """Give one pattern, without groups of ours, for all lines that say something of the workers."""
    patterns = [spec.acquired, spec.lost]
    patterns += [spec.stopped] if spec.stopped is not None else []
    patterns += [spec.heartbeat.pattern] if spec.heartbeat is not None else []
    named = f"(?:{any_of(_printed(spec, workers))})"
    filled = [one.replace(WORKER, named).replace(HOLDER, _HOLDER_TEXT) for one in patterns]
    return "|".join(f"(?:{one})" for one in filled)


def _fill(pattern: str, workers: str) -> str:
    return pattern.replace(WORKER, f"(?P<{_WORKER_GROUP}>{workers})").replace(HOLDER, _HOLDER)
