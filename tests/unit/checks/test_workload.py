"""What the check `workload` says of one moment."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.checks.workload import Workload
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.checks import workload as check_module
from servicesop.checks.progress import Standing
from servicesop.checks.restarts import RestartCount
from servicesop.judge.results import Sample, Verdict
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from unit.checks.workload_views import STEADY

# Half-way: one new pod, two old ones.
ROLLING = replace(STEADY, updated=1)


SET = replace(
    STEADY,
    kind=WorkloadKind.STATEFUL_SET,
    name="db",
    ordered=True,
    current_revision="t",
    update_revision="t",
)
UPDATING = replace(SET, update_revision="new", updated=1)


def judge_workload(
    spec: Workload,
    workload: WorkloadView,
    pods: Sequence[PodView],
    standing: Standing = Standing(),  # noqa: B008 - immutable
    restarts: RestartCount = RestartCount(),  # noqa: B008 - immutable
) -> Sample:
    return check_module.judge_workload(spec, workload, pods, standing, restarts)


def pod(
    name: str, *, ready: bool = True, deleting: bool = False, template: str = "t", waiting: str = ""
) -> PodView:
    container = ContainerView("service", f"id-{name}", 0, ready, waiting, None)
    return PodView(name, name, template, ready, deleting, (container,))


def spec(**fields: object) -> Workload:
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
    assert judge_workload(THREE, stopped, pods).findings - {"RolloutFailed"} == {"NotReady"}


@pytest.mark.parametrize("state", ["deadline_exceeded", "paused"])
def test_a_rollout_that_does_not_progress_excuses_nothing(state: str) -> None:
    stopped = replace(ROLLING, **{state: True})  # type: ignore[arg-type]  # a bool field by name
    pods = [pod("a"), pod("b"), pod("n", ready=False, template="new")]
    assert judge_workload(THREE, stopped, pods).findings - {"RolloutFailed"} == {"NotReady"}


@pytest.mark.parametrize(
    ("waiting", "finding"),
    [
        ("ImagePullBackOff", "ImagePull"),
        ("ErrImagePull", "ImagePull"),
        ("InvalidImageName", "ImagePull"),
        ("CrashLoopBackOff", "CrashLoop"),
        ("CreateContainerConfigError", "ConfigError"),
        ("CreateContainerError", "ConfigError"),
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


def test_a_rollout_past_its_deadline_fails_although_the_old_pods_carry_the_load() -> None:
    late = replace(ROLLING, current=4, deadline_exceeded=True)
    pods = [pod("a"), pod("b"), pod("c"), pod("n", ready=False, template="new")]
    sample = judge_workload(THREE, late, pods)
    assert sample.findings == {"RolloutFailed"}
    assert sample.message == "the rollout has not got on within its deadline"
    assert sample.evidence == ("n: not ready",)


def test_a_change_that_is_not_acted_upon_comes_before_a_deadline_of_the_change_before() -> None:
    late = replace(ROLLING, deadline_exceeded=True, generation=4)
    assert judge_workload(THREE, late, []).reason is UnknownReason.NOT_OBSERVED


def test_a_paused_deployment_with_all_its_pods_passes_and_says_so() -> None:
    sample = judge_workload(THREE, replace(STEADY, paused=True), [pod(n) for n in "abc"])
    assert (sample.verdict, sample.message) == (Verdict.PASSED, "paused")


def test_the_container_that_is_stuck_is_named_also_among_init_containers_and_sidecars() -> None:
    # The migration that runs before every start needs the database: pods cannot start without it.
    names = {"migration": "CrashLoopBackOff", "service": "PodInitializing", "envoy": ""}
    containers = tuple(
        ContainerView(name, "", 0, False, waiting, None) for name, waiting in names.items()
    )
    stuck = replace(pod("c", ready=False), containers=containers)
    sample = judge_workload(THREE, STEADY, [pod("a"), pod("b"), stuck])
    assert sample.findings == {"NotReady", "CrashLoop"}
    assert sample.evidence == ("c: migration CrashLoopBackOff",)


def test_all_stuck_containers_of_a_pod_stand_in_one_line_with_what_ended_them() -> None:
    containers = (
        ContainerView("service", "", 4, False, "CrashLoopBackOff", None, "OOMKilled"),
        ContainerView("envoy", "", 0, False, "CreateContainerConfigError", None),
        ContainerView("other", "", 1, False, "CrashLoopBackOff", None, "secret text"),
    )
    stuck = replace(pod("c", ready=False), containers=containers)
    sample = judge_workload(THREE, STEADY, [pod("a"), pod("b"), stuck])
    assert sample.findings == {"NotReady", "CrashLoop", "ConfigError"}
    assert sample.evidence == (
        "c: service CrashLoopBackOff (OOMKilled), envoy CreateContainerConfigError,"
        " other CrashLoopBackOff",
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Unschedulable", "Unschedulable"),
        ("SchedulingGated", "SchedulingGated"),
        # Whoever sets a condition may write anything there.
        ("see https://user:secret@example.com", "has no node"),
    ],
)
def test_a_pod_without_a_node_is_seen_in_the_evidence(reason: str, said: str) -> None:
    waits = replace(pod("c", ready=False), containers=(), unscheduled=reason)
    sample = judge_workload(THREE, STEADY, [pod("a"), pod("b"), waits])
    assert sample.findings == {"NotReady"}
    assert sample.evidence == (f"c: {said}",)
    rolling = judge_workload(THREE, replace(STEADY, progressing=True), [pod("a"), pod("b"), waits])
    assert (rolling.reason, rolling.evidence) == (UnknownReason.ROLLING_OUT, (f"c: {said}",))


def test_an_evicted_pod_is_neither_missing_nor_an_old_one() -> None:
    # Its ReplicaSet has long made another one, and a lost pod beside it is no rollout.
    evicted = replace(pod("e", ready=False, template="old"), ended=True)
    three = [pod("a"), pod("b"), pod("c"), evicted]
    assert judge_workload(THREE, STEADY, three).verdict is Verdict.PASSED
    short = replace(STEADY, current=2, updated=2)
    assert judge_workload(THREE, short, [pod("a"), pod("b"), evicted]).findings == {"NotReady"}


def test_a_target_scaled_to_zero_is_judged_by_what_the_check_says() -> None:
    none = replace(STEADY, replicas=0, current=0, updated=0)
    few = judge_workload(spec(replicas=3), none, [])
    assert few.findings == {"TooFewConfigured"}
    assert few.message == "0 replicas are configured, at least 3 expected"
    assert judge_workload(spec(minReady=1), none, []).findings == {"NotReady"}
    assert judge_workload(spec(replicas=0), none, []).verdict is Verdict.PASSED
    # No pods means neither that all is well nor that anything is wrong.
    nothing = judge_workload(spec(restarts={"max": 1}), none, [])
    assert (nothing.verdict, nothing.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NO_PODS)


def test_more_replicas_than_the_check_asks_for_are_no_finding() -> None:
    # An autoscaler, or a person who follows the page, may have raised them.
    more = replace(STEADY, replicas=6, current=6, updated=6)
    assert judge_workload(THREE, more, [pod(n) for n in "abcdef"]).verdict is Verdict.PASSED


RESTARTS = spec(restarts={"max": 3, "within": "1h"})
PODS = [pod("a"), pod("b"), pod("c")]


def test_more_restarts_than_allowed_fail_although_all_pods_are_ready() -> None:
    container = ContainerView("service", "", 9, True, "", None, "OOMKilled")
    pods = [replace(pod("a"), containers=(container,)), pod("b"), pod("c")]
    places = ((("a", "service"), 3), (("gone", "service"), 1))
    sample = judge_workload(RESTARTS, STEADY, pods, restarts=RestartCount(4, 4, places))
    assert sample.findings == {"Restarting"}
    assert sample.message == "more than 3 restarts within 1h"
    assert sample.evidence == (
        "a: service restarted, 3 in the window, OOMKilled",
        "gone: service restarted, 1 in the window, gone by now",
    )


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [
        (0, 0, Verdict.PASSED),
        (3, 3, Verdict.PASSED),
        # However many of them lie in the window, they are not too many.
        (0, 3, Verdict.PASSED),
        (3, 4, Verdict.INCONCLUSIVE),
        (0, 50, Verdict.INCONCLUSIVE),
        (4, 50, Verdict.FAILED),
    ],
)
def test_restarts_whose_time_is_not_known_make_it_unknown_unless_the_rest_is_too_much(
    least: int, most: int, verdict: Verdict
) -> None:
    sample = judge_workload(RESTARTS, STEADY, PODS, restarts=RestartCount(least, most))
    assert sample.verdict is verdict
    unknown = UnknownReason.NOT_COVERED if verdict is Verdict.INCONCLUSIVE else None
    assert sample.reason is unknown


def test_what_is_certain_is_not_hidden_by_restarts_that_are_not() -> None:
    sample = judge_workload(RESTARTS, STEADY, PODS[:2], restarts=RestartCount(0, 9))
    assert sample.findings == {"NotReady"}


def member(ordinal: int, *, ready: bool = True, template: str = "t") -> PodView:
    return pod(f"db-{ordinal}", ready=ready, template=template)


def test_a_stateful_set_with_all_its_pods_passes() -> None:
    sample = judge_workload(THREE, SET, [member(0), member(1), member(2)])
    assert (sample.verdict, sample.message) == (Verdict.PASSED, "")


def test_a_lost_pod_of_a_stateful_set_is_missed_at_once() -> None:
    short = replace(SET, current=2, updated=2, ready=2, available=2)
    sample = judge_workload(THREE, short, [member(0), member(2)])
    assert sample.findings == {"NotReady"}


def test_a_rollout_of_a_stateful_set_may_take_one_pod_at_a_time() -> None:
    pods = [member(0), member(1), member(2, ready=False, template="new")]
    sample = judge_workload(THREE, UPDATING, pods)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.ROLLING_OUT)
    assert sample.evidence == ("db-2: not ready; the pods after it wait for it",)
    two = [member(0), member(1, ready=False), member(2, ready=False, template="new")]
    assert judge_workload(THREE, UPDATING, two).findings == {"NotReady"}
    all_ready = [member(0), member(1), member(2, template="new")]
    passing = judge_workload(THREE, UPDATING, all_ready)
    assert (passing.verdict, passing.message) == (Verdict.PASSED, "rolling out")


def test_a_rollout_of_a_stateful_set_that_does_not_get_on_fails() -> None:
    stalled = Standing(stalled=True)
    pods = [member(0), member(1), member(2, ready=False, template="new")]
    sample = judge_workload(THREE, UPDATING, pods, stalled)
    assert sample.findings == {"NotReady", "RolloutFailed"}
    lower = judge_workload(spec(replicas=3, minReady=2), UPDATING, pods, stalled)
    assert lower.findings == {"RolloutFailed"}
    # With nothing to do, standing still is no failure.
    whole = [member(0), member(1), member(2)]
    assert judge_workload(THREE, SET, whole, stalled).verdict is Verdict.PASSED


def test_the_last_pod_of_a_rollback_is_excused_as_the_others_were() -> None:
    pods = [member(0), member(1), member(2, ready=False)]
    last = judge_workload(THREE, SET, pods, Standing(replacing=True))
    assert last.reason is UnknownReason.ROLLING_OUT
    two = [member(0), member(1, ready=False), member(2, ready=False)]
    assert judge_workload(THREE, SET, two, Standing(replacing=True)).findings == {"NotReady"}


def test_a_new_stateful_set_may_take_its_time_up_to_the_deadline() -> None:
    first = replace(SET, current=1, updated=1, ready=0, available=0)
    pods = [member(0, ready=False)]
    starting = judge_workload(THREE, first, pods, Standing(starting=True))
    assert starting.reason is UnknownReason.ROLLING_OUT
    assert judge_workload(THREE, first, pods).findings == {"NotReady"}
    late = judge_workload(THREE, first, pods, Standing(starting=True, stalled=True))
    assert late.findings == {"NotReady", "RolloutFailed"}
    assert late.evidence == ("db-0: not ready; the pods after it wait for it",)


@pytest.mark.parametrize("fields", [{"on_delete": True}, {"partition": 2}])
def test_old_pods_that_nobody_replaces_are_no_rollout(fields: dict[str, int]) -> None:
    held = replace(UPDATING, **fields)  # type: ignore[arg-type]  # fields by name
    whole = [member(0), member(1), member(2, template="new")]
    assert judge_workload(THREE, held, whole, Standing(stalled=True)).verdict is Verdict.PASSED
    short = [member(0), member(1, ready=False), member(2, template="new")]
    assert judge_workload(THREE, held, short).findings == {"NotReady"}


def test_the_pods_of_a_parallel_stateful_set_do_not_wait_for_each_other() -> None:
    parallel = replace(SET, ordered=False, current=2, updated=2)
    sample = judge_workload(THREE, parallel, [member(0, ready=False), member(1)])
    assert sample.evidence == ("db-0: not ready",)
