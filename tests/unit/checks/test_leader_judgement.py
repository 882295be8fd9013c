"""How leases and logs are judged together: each row of the table in docs/checks/leader.md."""

from collections.abc import Sequence

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held, Logged, Logs, PodRole, Role, judge_leaders
from servicesop.judge.results import MAX_EVIDENCE, MAX_MESSAGE, Sample, Verdict

NOBODY, ONE, TWO = Held(0), Held(1, "uuid-a"), Held(2)
SKEWED = Held(0, doubt=UnknownReason.CLOCKS_DIFFER)
L, F, I, U = Role.LEADS, Role.FOLLOWS, Role.IDLE, Role.UNKNOWN  # noqa: E741 - as in the table
UNTOLD = "untold"


def logs(
    roles: Sequence[Role],
    works: bool | str | None = UNTOLD,
    doubt: UnknownReason = UnknownReason.NOT_COVERED,
) -> Logs:
    """Pods a, b, ...; each that leads does so as uuid-a, uuid-b, ..."""
    pods = [
        PodRole(name, role, f"uuid-{name}" if role is L else "")
        for name, role in zip("abc", roles, strict=False)
    ]
    wants = works != UNTOLD
    asked = works if isinstance(works, bool) else None
    return Logs({"w": Logged(pods, asked)}, wants_heartbeat=wants, doubt=doubt)


def judged(held: Held | None, said: Logs | None) -> Sample:
    return judge_leaders(["w"], None if held is None else {"w": held}, said)


def outcome(sample: Sample) -> str:
    """The findings, or Passed, or why it is unknown."""
    return (
        " ".join(sorted(sample.findings))
        or (sample.reason and str(sample.reason))
        or str(sample.verdict)
    )


TABLE: dict[str, tuple[Held | None, Logs | None, str]] = {
    # a lease alone
    "lease: nobody": (NOBODY, None, "None"),
    "lease: one": (ONE, None, "Passed"),
    "lease: two": (TWO, None, "Many"),
    "lease: cannot be read": (SKEWED, None, "ClocksDiffer"),
    # logs alone
    "logs: one leads": (None, logs([L, F, F]), "Passed"),
    "logs: nobody leads, all of them known": (None, logs([F, F, F]), "None"),
    "logs: two lead": (None, logs([L, L, F]), "Many"),
    "logs: two lead, one is not known": (None, logs([L, L, U]), "Many"),
    "logs: one leads, one is not known": (None, logs([L, U, F]), "NotCovered"),
    "logs: nobody is known to lead, one is not known": (None, logs([F, U, F]), "NotCovered"),
    "logs: no pods": (None, logs([], doubt=UnknownReason.NO_PODS), "NoPods"),
    "logs: no line in any": (
        None,
        logs([U, U, U], doubt=UnknownReason.SILENT_LOGS),
        "SilentLogs",
    ),
    # logs alone, with a heartbeat
    "logs: the leader works": (None, logs([L, F, F], True), "Passed"),
    "logs: the leader does not work": (None, logs([L, F, F], False), "NoHeartbeat"),
    "logs: whether the leader works is not known": (None, logs([L, F, F], None), "NotCovered"),
    "logs: one works, others are idle": (None, logs([L, I, I], True), "Passed"),
    "logs: nobody leads, so nobody need work": (None, logs([F, F, F], False), "None"),
    "logs: all are idle: nobody, or one that hangs": (None, logs([I, I, F], False), "NoHeartbeat"),
    "logs: all are idle for how long?": (None, logs([I, I, F], None), "NotCovered"),
    "logs: two lead, none works": (None, logs([L, L], False), "Many NoHeartbeat"),
    # both agree
    "both: one": (ONE, logs([L, F, F], True), "Passed"),
    "both: nobody": (NOBODY, logs([F, F, F], False), "None"),
    "both: one, and the line was rotated away": (ONE, logs([I, F, F]), "Passed"),
    # both, and they disagree
    "a lease, and no pod says it leads": (ONE, logs([F, F, F]), "Passed"),
    "a lease, and nobody works": (ONE, logs([F, F, F], False), "NoHeartbeat"),
    "a lease, and its holder does not work": (ONE, logs([L, F, F], False), "NoHeartbeat"),
    "a lease, and two pods lead": (ONE, logs([L, L, F], True), "Many"),
    "a lease, and another pod leads": (Held(1, "uuid-z"), logs([L, F, F], True), "Many"),
    "a lease, and its holder is not named": (Held(1, ""), logs([L, F, F], True), "Passed"),
    "no lease, and one pod leads": (NOBODY, logs([L, F, F], True), "None"),
    "no lease, and two pods lead": (NOBODY, logs([L, L, F], True), "Many None"),
    "two leases, and one pod leads": (TWO, logs([L, F, F], True), "Many"),
    # both, and the logs cannot tell
    "no lease, logs not covered": (NOBODY, logs([U, U, U], None), "None"),
    "a lease, logs not covered": (ONE, logs([U, U, U], None), "NotCovered"),
    "a lease, one log not covered": (ONE, logs([L, U, F], True), "NotCovered"),
    "a lease, two lead, one log not covered": (ONE, logs([L, L, U], True), "Many"),
    "a lease, and no line in any log": (
        ONE,
        logs([U, U, U], None, UnknownReason.SILENT_LOGS),
        "SilentLogs",
    ),
    "a lease that cannot be read, one pod leads": (SKEWED, logs([L, F], True), "ClocksDiffer"),
    "a lease that cannot be read, two pods lead": (SKEWED, logs([L, L], True), "Many"),
    "a lease that cannot be read, nobody leads": (SKEWED, logs([F, F]), "ClocksDiffer"),
}


@pytest.mark.parametrize(
    ("held", "said", "expected"), [pytest.param(*row, id=name) for name, row in TABLE.items()]
)
def test_the_table(held: Held | None, said: Logs | None, expected: str) -> None:
    assert outcome(judged(held, said)) == expected


@pytest.mark.parametrize(
    ("held", "said", "evidence"),
    [
        (ONE, None, ()),
        (NOBODY, None, ("w: no valid lease",)),
        (TWO, None, ("w: 2 leaders",)),
        (ONE, logs([F, L]), ("w: b leads by its log, but another holds the lease",)),
        (ONE, logs([L, L]), ("w: 2 pods lead by their logs: a, b; a holds the lease",)),
        (None, logs([L, F]), ("w: led by a",)),
        (ONE, logs([L, F]), ("w: led by a",)),
        (ONE, logs([L, F], False), ("w: no heartbeat of a",)),
        (ONE, logs([F, F], False), ("w: no heartbeat of any pod",)),
        (NOBODY, logs([L, F]), ("w: no valid lease; by its log, a leads",)),
        (None, logs([F, F]), ("w: by its log, no pod leads",)),
    ],
)
def test_the_evidence_names_pods_and_never_holders(
    held: Held | None, said: Logs | None, evidence: tuple[str, ...]
) -> None:
    sample = judged(held, said)
    assert sample.evidence == evidence
    assert "uuid" not in repr(sample)


def test_one_workers_fault_counts_though_another_is_unknown() -> None:
    said = Logs(
        {"w": Logged([PodRole("a", U)], None), "v": Logged([PodRole("a", L)], False)},
        wants_heartbeat=True,
        doubt=UnknownReason.NOT_COVERED,
    )
    sample = judge_leaders(["w", "v"], {"w": ONE, "v": Held(1)}, said)
    assert sample.findings == {"NoHeartbeat"}
    assert sample.message == "no heartbeat: v"
    assert sample.evidence == ("v: no heartbeat of a",)


def test_an_unknown_answer_names_the_workers() -> None:
    sample = judge_leaders(["w", "v"], {"w": SKEWED, "v": ONE}, None)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.CLOCKS_DIFFER)
    assert sample.message == "the Lease was renewed in the future: w"


def test_all_stays_bounded() -> None:
    workers = [f"worker-{number:03d}-{'x' * 50}" for number in range(32)]
    sample = judge_leaders(workers, dict.fromkeys(workers, NOBODY), None)
    assert len(sample.message) == MAX_MESSAGE
    assert len(sample.evidence) == MAX_EVIDENCE
