"""What the check `workload` says of one moment."""

from dataclasses import replace

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.checks.workload import Workload
from servicesop.api.reasons import UnknownReason
from servicesop.checks.workload import judge_workload
from servicesop.judge.results import Verdict
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView

STEADY = WorkloadView(
    name="api",
    uid="u",
    generation=3,
    observed_generation=3,
    replicas=3,
    current=3,
    updated=3,
    ready=3,
    available=3,
    paused=False,
    deadline_exceeded=False,
    recreate=False,
    max_unavailable=1,
    action="",
    template_hash="h",
)
# Half-way: one new pod, two old ones.
ROLLING = replace(STEADY, updated=1)


def pod(
    name: str, *, ready: bool = True, deleting: bool = False, template: str = "t", waiting: str = ""
) -> PodView:
    container = ContainerView("service", f"id-{name}", 0, ready, waiting, None)
    return PodView(name, name, template, ready, deleting, (container,))


def spec(**fields: int) -> Workload:
    check = Check.model_validate({"name": "ready", "workload": fields})
    assert check.workload is not None
    return check.workload


THREE = spec(replicas=3, minReady=3)


def test_all_configured_and_ready_passes() -> None:
    sample = judge_workload(THREE, STEADY, [pod("a"), pod("b"), pod("c")])
    assert (sample.verdict, sample.message) == (Verdict.PASSED, "")


def test_a_change_that_no_controller_has_seen_is_unknown() -> None:
    unseen = replace(STEADY, generation=4)
    sample = judge_workload(THREE, unseen, [])
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_OBSERVED)


def test_too_few_configured_replicas_fail_even_if_all_of_them_are_ready() -> None:
    sample = judge_workload(spec(replicas=3), replace(STEADY, replicas=2), [pod("a"), pod("b")])
    assert sample.findings == {"TooFewConfigured"}


def test_without_min_ready_all_configured_replicas_must_be_ready() -> None:
    sample = judge_workload(spec(replicas=2), STEADY, [pod("a"), pod("b")])
    assert sample.findings == {"NotReady"}
    assert sample.message == "2 pods are ready, at least 3 expected"


def test_a_deleted_pod_is_missed_at_once_although_status_still_counts_it() -> None:
    sample = judge_workload(THREE, STEADY, [pod("a"), pod("b"), pod("c", deleting=True)])
    assert sample.findings == {"NotReady"}


def test_the_moment_after_a_deletion_is_not_taken_for_a_rollout() -> None:
    # The ReplicaSet has counted its loss, and the successor is not there yet.
    short = replace(STEADY, current=2, updated=2)
    gone = [pod("a"), pod("b"), pod("c", deleting=True)]
    assert judge_workload(THREE, short, gone).findings == {"NotReady"}
    successor = [*gone, pod("d", ready=False)]
    assert judge_workload(THREE, short, successor).findings == {"NotReady"}
    one = replace(STEADY, replicas=1, current=0, updated=0, max_unavailable=0)
    assert judge_workload(spec(minReady=1), one, []).findings == {"NotReady"}


def test_a_rollout_that_keeps_enough_ready_passes_and_says_so() -> None:
    pods = [pod("a"), pod("b"), pod("c"), pod("n", ready=False, template="new")]
    sample = judge_workload(THREE, replace(ROLLING, current=4), pods)
    assert (sample.verdict, sample.message) == (Verdict.PASSED, "rolling out")


def test_a_rollout_that_takes_what_it_may_is_neither_healthy_nor_failed() -> None:
    pods = [pod("a"), pod("b"), pod("n", ready=False, template="new")]
    sample = judge_workload(THREE, ROLLING, pods)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.ROLLING_OUT)


def test_pods_missing_beyond_what_a_rollout_may_take_fail_during_it() -> None:
    pods = [pod("a"), pod("b", ready=False), pod("n", ready=False, template="new")]
    assert judge_workload(THREE, ROLLING, pods).findings == {"NotReady"}


def test_a_lower_floor_is_not_excused_by_what_a_rollout_may_take() -> None:
    pods = [pod("a"), pod("n", ready=False, template="new")]
    assert judge_workload(spec(minReady=2), ROLLING, pods).findings == {"NotReady"}


def test_the_last_pods_of_a_rollout_that_are_not_ready_yet_are_no_failure() -> None:
    last = replace(STEADY, progressing=True)
    sample = judge_workload(THREE, last, [pod("a"), pod("b"), pod("c", ready=False)])
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.ROLLING_OUT)
    first = judge_workload(THREE, last, [pod(name, ready=False) for name in "abc"])
    assert first.reason is UnknownReason.ROLLING_OUT
    ready = judge_workload(THREE, last, [pod("a"), pod("b"), pod("c")])
    assert (ready.verdict, ready.message) == (Verdict.PASSED, "rolling out")


@pytest.mark.parametrize("state", ["deadline_exceeded", "paused"])
def test_last_pods_that_do_not_come_in_time_fail(state: str) -> None:
    stopped = replace(STEADY, progressing=True, **{state: True})  # type: ignore[arg-type]  # bools
    pods = [pod("a"), pod("b"), pod("c", ready=False)]
    assert judge_workload(THREE, stopped, pods).findings == {"NotReady"}


@pytest.mark.parametrize("state", ["deadline_exceeded", "paused"])
def test_a_rollout_that_does_not_progress_excuses_nothing(state: str) -> None:
    stopped = replace(ROLLING, **{state: True})  # type: ignore[arg-type]  # a bool field by name
    pods = [pod("a"), pod("b"), pod("n", ready=False, template="new")]
    assert judge_workload(THREE, stopped, pods).findings == {"NotReady"}


@pytest.mark.parametrize(
    ("waiting", "finding"),
    [
        ("ImagePullBackOff", "ImagePull"),
        ("ErrImagePull", "ImagePull"),
        ("InvalidImageName", "ImagePull"),
        ("CrashLoopBackOff", "CrashLoop"),
        ("CreateContainerConfigError", "CrashLoop"),
        ("RunContainerError", "CrashLoop"),
    ],
)
def test_a_stuck_new_pod_fails_although_the_old_ones_carry_the_load(
    waiting: str, finding: str
) -> None:
    new = pod("n", ready=False, template="new", waiting=waiting)
    pods = [pod("a"), pod("b"), pod("c"), new]
    sample = judge_workload(THREE, replace(ROLLING, current=4), pods)
    assert sample.findings == {finding}
    assert sample.evidence == (f"n: service {waiting}",)


def test_ordinary_waiting_and_pods_on_their_way_out_are_no_finding() -> None:
    pods = [
        pod("a"),
        pod("b"),
        pod("c"),
        pod("d", ready=False, waiting="ContainerCreating"),
        pod("e", ready=False, deleting=True, waiting="CrashLoopBackOff"),
    ]
    assert judge_workload(THREE, STEADY, pods).verdict is Verdict.PASSED


def test_all_that_is_wrong_is_said_together() -> None:
    pods = [pod("a"), pod("b", ready=False, waiting="ErrImagePull")]
    sample = judge_workload(THREE, replace(STEADY, replicas=2), pods)
    assert sample.findings == {"TooFewConfigured", "NotReady", "ImagePull"}
    assert len(sample.evidence) == 1
