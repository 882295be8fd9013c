"""Keeps a status within its size: what people read is cut, what must be remembered never is.

The API server refuses a status that is too large, and with it everything that it remembers. So it
gives up, in steps and only as far as needed: evidence, then the length of texts, then what can be
read elsewhere. Conditions stay, and so do episodes, intents, history and who has been called. Of
what checks have seen the oldest stays, of each check about as much: to forget the rest only makes a
row young again after a restart.
"""

from dataclasses import dataclass

from servicesop.api.status import CheckState, CheckStatus, Status
from servicesop.api.texts import fitted

MAX_BYTES = 32 * 1024
_WRITTEN_LATER = 64
"""`lastCheckedTime` comes when the status is written."""


@dataclass(frozen=True, slots=True)
class _Cut:
    evidence: int
    """Lines per check."""
    text: int
    """Characters per message."""
    seen: int
    """Entries of all checks together."""
    defaults: bool = True
    """Whether derived `for` and `recoverFor` are shown."""


_CUTS = (
    _Cut(evidence=2, text=1024, seen=200),
    _Cut(evidence=1, text=256, seen=200),
    _Cut(evidence=0, text=256, seen=200),
    _Cut(evidence=0, text=128, seen=200),
    _Cut(evidence=0, text=64, seen=150),
    _Cut(evidence=0, text=32, seen=100),
    _Cut(evidence=0, text=0, seen=100),
    _Cut(evidence=0, text=0, seen=60, defaults=False),
    _Cut(evidence=0, text=0, seen=20, defaults=False),
)


def bounded(status: Status) -> Status:
    """Give the status cut to `MAX_BYTES` of JSON; equal statuses are cut equally."""
    cut = status
    for step in _CUTS:
        if size_of(cut) <= MAX_BYTES - _WRITTEN_LATER:
            break
        cut = _cut(status, step)
    return cut


def size_of(status: Status) -> int:
    """Give the length of a status as it is written, in bytes."""
    return len(status.model_dump_json(by_alias=True, exclude_none=True).encode())


def _cut(status: Status, cut: _Cut) -> Status:
    shares = _shares([len(one.seen) for one in status.checks], cut.seen)
    return status.model_copy(
        update={
            "conditions": tuple(
                one.model_copy(update={"message": fitted(one.message, cut.text)})
                for one in status.conditions
            ),
            "procedures": tuple(
                one.model_copy(update={"doing": _text(one.doing, cut.text)})
                for one in status.procedures
            ),
            "checks": tuple(
                _check(one, cut, share) for one, share in zip(status.checks, shares, strict=True)
            ),
            "escalations": tuple(
                one.model_copy(update={"message": fitted(one.message, cut.text)})
                for one in status.escalations
            ),
        }
    )


def _shares(wanted: list[int], total: int) -> list[int]:
    """Divide `total` by turns, so that a check with little to keep can keep all of it."""
    shares = [0] * len(wanted)
    while total and shares != wanted:
        for number, most in enumerate(wanted):
            if total and shares[number] < most:
                shares[number] += 1
                total -= 1
    return shares


def _check(check: CheckStatus, cut: _Cut, seen: int) -> CheckStatus:
    update: dict[str, object] = {
        "message": _text(check.message, cut.text),
        "evidence": check.evidence[: cut.evidence],
        "seen": check.seen[:seen],
    }
    if not cut.defaults and check.state is CheckState.PASSED:
        update |= {"for_": None, "recover_for": None}
    return check.model_copy(update=update)


def _text(text: str | None, length: int) -> str | None:
    return fitted(text, length) if text and length else None
