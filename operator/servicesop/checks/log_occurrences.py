"""What counts in one container's log: occurrences of a pattern, by class, in the window. Pure."""

from servicesop.api.checks.logs import Logs
from servicesop.checks.log_messages import Joiner
from servicesop.checks.log_window import LogWindow
from servicesop.checks.patterns import Matcher, matcher, readable

UNCLASSED = ""
"""The kind of an occurrence that belongs to no class."""


class Patterns:
    """A check's patterns, compiled. Raise SourceError for one that is too much."""

    def __init__(self, spec: Logs) -> None:
        self.counts = matcher(spec.pattern)
        self.begins = matcher(spec.join.start, "join.start") if spec.join else None
        self._classes: list[tuple[str, Matcher]] = [
            (one.name, matcher(one.pattern, f"the pattern of class {one.name}"))
            for one in spec.classes
            if one.pattern is not None
        ]
        self._rest = next((one.name for one in spec.classes if one.rest), UNCLASSED)

    def kind(self, text: bytes) -> str:
        """Give the class of an occurrence: the first that matches."""
        return next((name for name, matches in self._classes if matches(text)), self._rest)


class Occurrences:
    """Counts in one log; a `LineSink`."""

    def __init__(self, patterns: Patterns, length: int) -> None:
        self.window = LogWindow(length)
        self._patterns = patterns
        self._joiner = Joiner(patterns.begins, self._judge) if patterns.begins else None

    def line(self, at: int, text: bytes) -> None:
        """Take a new line."""
        text = readable(text)
        if self._joiner is None:
            self._judge(at, text)
        else:
            self._joiner.line(at, text)

    def restarted(self) -> None:
        """Take no line of another start of the container for the rest of a message."""
        self.missed()

    def missed(self) -> None:
        """Take no line after a gap for the rest of a message."""
        if self._joiner is not None:
            self._joiner.end()

    def settle(self, now: int) -> None:
        """Count a message at the end of the log that seems to be complete."""
        if self._joiner is not None:
            self._joiner.settle(now)

    def _judge(self, at: int, text: bytes) -> bool:
        found = self._patterns.counts(text)
        if found:
            self.window.add(at, self._patterns.kind(text))
        return found
