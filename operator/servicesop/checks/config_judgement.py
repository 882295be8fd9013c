"""What is asked of a value, and what one may say about it without telling what it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from servicesop.api.checks.config import Value
from servicesop.api.reasons import UnknownReason
from servicesop.checks.config_text import Absent, Outcome, Text, Unseen
from servicesop.checks.patterns import readable, whole_matcher
from servicesop.judge.results import Sample, Verdict, failed, inconclusive, passed
from servicesop.sources.errors import SourceError

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one value says."""

    verdict: Verdict
    says: str = ""
    finding: str = ""
    changed: datetime | None = None
    """When what the value is made from was set last, as far as is known."""


def label(value: Value) -> str:
    """Name a value for people."""
    if value.env is not None:
        return f"variable {value.env}"
    return f"argument {value.argument}" if value.argument is not None else f"key {value.key}"


def judge_value(asked: Value, found: Outcome) -> Answer:
    """Judge one value. Raise SourceError where that would compare a Secret with something."""
    name = label(asked)
    match found:
        case Absent(why):
            return Answer(Verdict.FAILED, f"{name} is not set: {why}", "Missing")
        case Unseen(why):
            return Answer(Verdict.INCONCLUSIVE, f"{name} cannot be seen: {why}")
    if asked.compares and found.secret:
        raise SourceError(
            UnknownReason.SECRET_NOT_COMPARED,
            f"{name} comes from a Secret, and those are never compared with anything; ask for"
            " nonEmpty or minLength",
        )
    origin = f" ({'; '.join(found.origins)})" if found.origins else ""
    least = asked.min_length or (1 if asked.non_empty else 0)
    length = _characters(found.known)
    if length < least:
        if found.unseen:
            return _not_seen(name, found)
        if not length:
            says = "has no value" if found.bare else "is empty"
            return Answer(Verdict.FAILED, f"{name} {says}{origin}", "Empty")
        says = f"{name} is shorter than {least} characters{origin}"
        return Answer(Verdict.FAILED, says, "TooShort")
    if asked.compares:
        if found.unseen:
            return _not_seen(name, found)
        # What a bare flag means to those parsers that take one.
        is_as_asked, otherwise = _comparison(asked)
        if not is_as_asked(b"true" if found.bare else found.known):
            return Answer(Verdict.FAILED, f"{name} {otherwise}{origin}", "Differs")
    return Answer(Verdict.PASSED, changed=found.changed)


def judge_values(where: str, answers: Sequence[Answer]) -> Sample:
    """Judge all values together: one that is not as it should be is enough."""
    wrong = [answer for answer in answers if answer.verdict is Verdict.FAILED]
    if wrong:
        return failed(
            {answer.finding for answer in wrong},
            _summary(where, wrong),
            tuple(answer.says for answer in wrong),
        )
    unsure = [answer for answer in answers if answer.verdict is Verdict.INCONCLUSIVE]
    if unsure:
        evidence = tuple(answer.says for answer in unsure)
        return inconclusive(UnknownReason.NOT_VISIBLE, _summary(where, unsure), evidence)
    return passed()


def _summary(where: str, answers: Sequence[Answer]) -> str:
    more = f"; and {len(answers) - 1} more" if len(answers) > 1 else ""
    return f"{where}: {answers[0].says}{more}"


def _not_seen(name: str, found: Text) -> Answer:
    return Answer(Verdict.INCONCLUSIVE, f"{name} cannot be seen in full: {found.unseen}")


def _characters(text: bytes) -> int:
    """Count as people do; a byte that is no part of a character is one."""
    return len(text.decode("utf-8", "surrogateescape"))


def _comparison(asked: Value) -> tuple[Callable[[bytes], bool], str]:
    """Give what a value must hold to, and what it is otherwise."""
    if asked.equals is not None:
        wanted = asked.equals.encode()
        return lambda value: value == wanted, "is not the text that the check gives"
    if asked.url is not None:
        url = _url(asked.url)
        return (
            lambda value: _url(value.decode("utf-8", "replace")) == url,
            "is not the URL that the check gives",
        )
    assert asked.matches is not None
    matches = whole_matcher(asked.matches, f"the pattern for {label(asked)}")
    return lambda value: matches(readable(value)), "does not match the check's pattern"


def _url(text: str) -> tuple[str, ...] | None:
    """Give what makes a URL what it is; None for what is none.

    A blank or a line break at its end is left out by many who read URLs, and is an error to others.
    """
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        return None
    try:
        parts = urlsplit(text)
        return _same(parts, parts.port or _PORTS.get(parts.scheme))
    except ValueError:
        return None


def _same(parts: SplitResult, port: int | None) -> tuple[str, ...] | None:
    if not parts.hostname or port is None:
        return None
    user = parts.netloc.rpartition("@")[0]
    path = parts.path.removesuffix("/")
    return (parts.scheme, user, parts.hostname, str(port), path, parts.query, parts.fragment)
