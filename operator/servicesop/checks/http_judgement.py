"""What an answer, or its absence, says about the server. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from servicesop.api.checks.http import Body, Http
from servicesop.api.reasons import UnknownReason
from servicesop.checks.patterns import Matcher, matcher, readable
from servicesop.judge.admission import OPEN, Admission
from servicesop.judge.results import Sample, error, failed, inconclusive, passed
from servicesop.sources.http.client import Answer
from servicesop.sources.http.failures import Kind

_FINDINGS = {
    Kind.TIMEOUT: "Timeout",
    Kind.NO_CONNECTION: "Timeout",
    Kind.REFUSED: "Refused",
    Kind.RESET: "Reset",
    Kind.CERTIFICATE_EXPIRED: "TLS",
    Kind.CERTIFICATE_NOT_TRUSTED: "TLS",
    Kind.CERTIFICATE_NAME_MISMATCH: "TLS",
    Kind.TLS_FAILED: "TLS",
    Kind.MALFORMED: "Malformed",
}
_NO_CODE = "code 0: no answer"
KEPT_OUT = frozenset({Kind.NO_CONNECTION, Kind.REFUSED, Kind.UNREACHABLE})
"""What becomes of a connection that a NetworkPolicy does not admit.

Most plugins drop what is not admitted, some reject it, by which it is refused or has no route.
"""


class Patterns:
    """The compiled patterns of a check."""

    def __init__(self, spec: Body | None) -> None:
        """Raise SourceError for a pattern that is too much."""
        self.matches = _matcher(spec.matches if spec else None, "body.matches")
        self.lacks = _matcher(spec.lacks if spec else None, "body.lacks")


def _matcher(pattern: str | None, what: str) -> Matcher | None:
    return None if pattern is None else matcher(pattern, what)


def judge_failure(kind: Kind, admission: Admission = OPEN) -> Sample:
    """Judge a server that gives no answer: it fails only if the operator is not kept from it."""
    finding = _FINDINGS.get(kind)
    if admission.kept_out:
        return error(UnknownReason.NOT_ADMITTED, admission.words)
    if finding is not None and admission.kept_out is None:
        return inconclusive(
            UnknownReason.ADMISSION_UNKNOWN,
            "no connection to the server, and whether a NetworkPolicy keeps the operator out is"
            f" not known: {admission.words}",
            (_NO_CODE,),
        )
    if finding is None:
        return error(
            kind.reason,
            f"the server {kind.words}; see its routes and its NetworkPolicies",
        )
    return failed({finding}, f"the server {kind.words}", (_NO_CODE,))


@dataclass(frozen=True, slots=True)
class _Fault:
    """One thing that is wrong with an answer, or cannot be told of it."""

    finding: str | None
    words: str


def judge_answer(spec: Http, patterns: Patterns, answer: Answer) -> Sample:
    """Judge an answer. Its body counts only where its code is accepted: errors have their own."""
    faults = [*_of_code(spec, answer), *_of_latency(spec, answer)]
    if answer.status in spec.codes:
        faults += _of_body(patterns, answer)
    code = (f"code {answer.status}",)
    findings = {fault.finding for fault in faults if fault.finding is not None}
    if findings:
        words = ", ".join(fault.words for fault in faults if fault.finding is not None)
        return failed(findings, f"the server {words}", code)
    if faults:
        return inconclusive(UnknownReason.NOT_COVERED, f"the server {faults[0].words}", code)
    return passed("the server answers as it should", code)


def _of_code(spec: Http, answer: Answer) -> Iterator[_Fault]:
    if answer.status not in spec.codes:
        accepted = ", ".join(str(code) for code in sorted(set(spec.codes)))
        yield _Fault("Status", f"answers with another code than {accepted}")


def _of_latency(spec: Http, answer: Answer) -> Iterator[_Fault]:
    if spec.max_seconds is not None and answer.seconds > spec.max_seconds:
        yield _Fault("Latency", f"takes longer than {spec.max_seconds} s")


def _of_body(patterns: Patterns, answer: Answer) -> Iterator[_Fault]:
    if patterns.matches is None and patterns.lacks is None:
        return
    if answer.encoded:
        yield _Fault(None, "compresses its body although it was asked not to")
        return
    text = readable(answer.body)
    if patterns.lacks is not None and patterns.lacks(text):
        yield _Fault("Body", "has a body that matches body.lacks")
    if patterns.matches is not None and not patterns.matches(text):
        if answer.complete:
            yield _Fault("Body", "has a body that does not match body.matches")
        else:
            yield _Fault(None, "has a long body whose first 64 KiB do not match body.matches")
    elif patterns.lacks is not None and not answer.complete:
        yield _Fault(None, "has a long body of which only the first 64 KiB were searched")
