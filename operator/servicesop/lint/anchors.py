"""Whether an RE2 pattern can match at all, as far as its anchors tell.

`a^b` and `a$b` match nothing, and nobody is told: a check with such a pattern never fails. The
pattern is followed with no more memory than whether some text was read and whether its end was
demanded. What anchors demand of single lines and words is taken for granted, so that no pattern is
wrongly said to match nothing. It has to be a valid one.
"""

import re
from collections.abc import Callable

_Places = frozenset[tuple[bool, bool]]
"""Where in a text a match may be by now: after some of it or not, at its demanded end or not."""
_Step = Callable[[_Places], _Places]

_ANYWHERE: _Places = frozenset({(False, False), (True, False)})
_TIMES = re.compile(r"\{(\d+)(,(\d*))?\}")
_GROUP = re.compile(r"\?(?:P?<\w+>|([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)]))")
_ESCAPE = re.compile(
    r"\\(?:[pP](?:\{\^?\w+\}|\w)|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.S
)
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{\^?\w+\}|\\.|[^\]\\])*\]", re.S)


def can_match(pattern: str) -> bool:
    """Say whether some text has a match of the pattern, or that this cannot be told."""
    return bool(_Reader(pattern).alternatives(multiline=False)(_ANYWHERE))


def _read_one(places: _Places) -> _Places:
    return frozenset((True, False) for _, ended in places if not ended)


def _begin(places: _Places) -> _Places:
    return frozenset(place for place in places if not place[0])


def _end(places: _Places) -> _Places:
    return frozenset((read, True) for read, _ in places)


def _stay(places: _Places) -> _Places:
    return places


def _one_after_the_other(steps: list[_Step]) -> _Step:
    def step(places: _Places) -> _Places:
        for each in steps:
            places = each(places)
        return places

    return step


def _one_of(steps: list[_Step]) -> _Step:
    return lambda places: frozenset[tuple[bool, bool]]().union(*(step(places) for step in steps))


def _repeated(step: _Step, least: int, most: int | None) -> _Step:
    def repeat(places: _Places) -> _Places:
        for _ in range(least):
            places = step(places)
        left = most
        while left is None or left > least:
            more = places | step(places)
            if more == places:
                break
            places = more
            left = None if left is None else left - 1
        return places

    return repeat


class _Reader:
    """Reads a pattern from its begin to its end, once."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def alternatives(self, *, multiline: bool) -> _Step:
        """Read up to the end of the group."""
        found: list[_Step] = []
        steps: list[_Step] = []
        while self._at < len(self._pattern):
            if self._take("|"):
                found.append(_one_after_the_other(steps))
                steps = []
            elif self._take(")"):
                break
            elif flags := re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)").match(
                self._pattern, self._at
            ):
                self._at = flags.end()
                multiline = self._multiline(multiline, flags[1], flags[2])
                # Flags are no piece: a repetition after them is one of the piece before.
                steps[-1:] = [self._times(step) for step in steps[-1:]]
            elif self._take("\\Q"):
                end = self._pattern.find("\\E", self._at)
                text = self._pattern[self._at : end if end >= 0 else None]
                self._at += len(text) + 2
                steps += [_read_one] * len(text)
            else:
                steps.append(self._times(self._piece(multiline=multiline)))
        return _one_of([*found, _one_after_the_other(steps)])

    def _piece(self, *, multiline: bool) -> _Step:
        if self._take("("):
            if group := _GROUP.match(self._pattern, self._at):
                self._at = group.end()
                multiline = self._multiline(multiline, group[1], group[2])
            return self.alternatives(multiline=multiline)
        if self._take("^"):
            return _stay if multiline else _begin
        if self._take("$"):
            return _stay if multiline else _end
        for text, step in (("\\A", _begin), ("\\z", _end), ("\\b", _stay), ("\\B", _stay)):
            if self._take(text):
                return step
        for form in (_ESCAPE, _CLASS):
            if found := form.match(self._pattern, self._at):
                self._at = found.end()
                return _read_one
        self._at += 1
        return _read_one

    def _times(self, step: _Step) -> _Step:
        times = _TIMES.match(self._pattern, self._at)
        if self._take("*"):
            step = _repeated(step, 0, None)
        elif self._take("+"):
            step = _repeated(step, 1, None)
        elif self._take("?"):
            step = _repeated(step, 0, 1)
        elif times:
            self._at = times.end()
            least = int(times[1])
            most = int(times[3]) if times[3] else None if times[2] else least
            step = _repeated(step, least, most)
        else:
            return step
        self._take("?")
        # RE2 takes a repetition of a repetition.
        return self._times(step)

    def _take(self, text: str) -> bool:
        taken = self._pattern.startswith(text, self._at)
        self._at += len(text) * taken
        return taken

    @staticmethod
    def _multiline(before: bool, on: str | None, off: str | None) -> bool:
        if "m" in (off or ""):
            return False
        return before or "m" in (on or "")
