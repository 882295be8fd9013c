"""The result of one run of a check."""

from dataclasses import dataclass
from enum import StrEnum

from servicesop.api.reasons import UnknownReason

MAX_MESSAGE = 256
MAX_EVIDENCE = 5
MAX_EVIDENCE_LINE = 160


class Verdict(StrEnum):
    """What one run says. The last two are unknown: never healthy, never failed."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"

    @property
    def known(self) -> bool:
        """Whether it says anything about the service."""
        return self in (Verdict.PASSED, Verdict.FAILED)


@dataclass(frozen=True, slots=True)
class PodRef:
    """One pod, and no other that may have its name later."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of a check saw.

    `message` and `evidence` are written into the status: they are deterministic (no durations,
    counters that always move, or pod hashes in `message`), bounded, and hold neither exception
    text nor row content nor secrets.
    """

    verdict: Verdict
    findings: frozenset[str] = frozenset()
    """What was found; not empty exactly when the verdict is Failed."""
    reason: UnknownReason | None = None
    """Why it is unknown; set exactly when the verdict is unknown."""
    message: str = ""
    evidence: tuple[str, ...] = ()
    pod: PodRef | None = None
    """The one pod that it is about; only with the finding SinglePod."""
    pod_unclear: bool = False
    """One pod fails, and whether others would is not known yet."""


def passed(message: str = "", evidence: tuple[str, ...] = ()) -> Sample:
    """Give the sample of a check that holds."""
    return Sample(Verdict.PASSED, message=message[:MAX_MESSAGE], evidence=_bounded(evidence))


def failed(
    findings: set[str],
    message: str,
    evidence: tuple[str, ...] = (),
    pod: PodRef | None = None,
    *,
    pod_unclear: bool = False,
) -> Sample:
    """Give the sample of a check that does not hold. Raise ValueError without a finding."""
    if not findings:
        raise ValueError("a failed sample needs a finding")
    return Sample(
        Verdict.FAILED,
        findings=frozenset(findings),
        message=message[:MAX_MESSAGE],
        evidence=_bounded(evidence),
        pod=pod,
        pod_unclear=pod_unclear,
    )


def inconclusive(reason: UnknownReason, message: str, evidence: tuple[str, ...] = ()) -> Sample:
    """Give the sample of a check that was answered, but not so that one can tell."""
    return Sample(
        Verdict.INCONCLUSIVE,
        reason=reason,
        message=message[:MAX_MESSAGE],
        evidence=_bounded(evidence),
    )


def error(reason: UnknownReason, message: str) -> Sample:
    """Give the sample of a check that could not ask."""
    return Sample(Verdict.ERROR, reason=reason, message=message[:MAX_MESSAGE])


def _bounded(evidence: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line[:MAX_EVIDENCE_LINE] for line in evidence[:MAX_EVIDENCE])
