from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.checks.resource import Resource
from servicesop.api.reasons import UnknownReason
from servicesop.checks.resource import judge_resource
from servicesop.judge.results import Sample, Verdict

CANARY = "canary in a message"
READY = {"type": "Ready"}


def spec(**fields: Any) -> Resource:
    known = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "api-tls"}
    return Resource.model_validate(known | fields)


def selected(on_none: str = "Failed", **fields: Any) -> Resource:
    return Resource.model_validate(
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "selector": {"matchLabels": {"app": "api"}},
            "onNone": on_none,
            "condition": READY,
        }
        | fields
    )


def thing(name: str = "api-tls", *conditions: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": 3},
        "status": {"conditions": list(conditions), **status},
    }


def condition(status: object, kind: str = "Ready", **rest: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "message": CANARY, **rest}


def said(sample: Sample) -> tuple[object, ...]:
    assert CANARY not in repr(sample)
    if sample.verdict is Verdict.FAILED:
        return (sample.verdict, *sorted(sample.findings))
    return (sample.verdict,) if sample.reason is None else (sample.verdict, sample.reason)


PASSED = (Verdict.PASSED,)
NOT_MET = (Verdict.FAILED, "ConditionNotMet")
MISSING = (Verdict.FAILED, "Missing")
NOT_REPORTED = (Verdict.INCONCLUSIVE, UnknownReason.NOT_REPORTED)
NOT_OBSERVED = (Verdict.INCONCLUSIVE, UnknownReason.NOT_OBSERVED)
NO_OBJECTS = (Verdict.INCONCLUSIVE, UnknownReason.NO_OBJECTS)


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (READY, [condition("True")], PASSED),
        (READY, [condition("False")], NOT_MET),
        (READY, [condition("Unknown")], NOT_REPORTED),
        (READY, [condition("true")], NOT_REPORTED),
        (READY, [condition(True)], NOT_REPORTED),
        (READY, [condition(None)], NOT_REPORTED),
        (READY, [], NOT_REPORTED),
        (READY, [condition("True", "Issuing")], NOT_REPORTED),
        (READY, [condition("False", "Issuing"), condition("True")], PASSED),
        (READY | {"status": "False"}, [condition("False")], PASSED),
        (READY | {"status": "False"}, [condition("True")], NOT_MET),
        (READY | {"status": "False"}, [condition("Unknown")], NOT_REPORTED),
        (READY | {"status": "False"}, [], NOT_REPORTED),
        (READY | {"onAbsent": "Passed"}, [], PASSED),
        (READY | {"onAbsent": "Failed"}, [], NOT_MET),
        # Absent is one thing, saying that it is not known another.
        (READY | {"onAbsent": "Passed"}, [condition("Unknown")], NOT_REPORTED),
        (READY | {"onAbsent": "Failed"}, [condition("Unknown")], NOT_REPORTED),
        # The generation is 3.
        (READY, [condition("True", observedGeneration=3)], PASSED),
        (READY, [condition("True", observedGeneration=2)], NOT_OBSERVED),
        (READY, [condition("False", observedGeneration=2)], NOT_OBSERVED),
        (READY, [condition("False", observedGeneration=3)], NOT_MET),
        (READY, [condition("True", observedGeneration="2")], PASSED),
        (READY, [condition("True", observedGeneration=True)], PASSED),
    ],
)
def test_a_condition(
    wanted: dict[str, Any], found: list[dict[str, Any]], expected: tuple[object, ...]
) -> None:
    sample = judge_resource(spec(condition=wanted), [thing("api-tls", *found)])
    assert said(sample) == expected


@pytest.mark.parametrize(
    ("found", "status", "expected"),
    [
        ([condition("True")], {"observedGeneration": 2}, NOT_OBSERVED),
        ([condition("False")], {"observedGeneration": 2}, NOT_OBSERVED),
        ([], {"observedGeneration": 2}, NOT_OBSERVED),
        ([condition("True")], {"observedGeneration": 3}, PASSED),
        # The condition's own is the more exact one.
        ([condition("True", observedGeneration=3)], {"observedGeneration": 2}, PASSED),
        ([condition("True", observedGeneration=2)], {"observedGeneration": 3}, NOT_OBSERVED),
    ],
)
def test_a_status_of_an_earlier_generation_says_nothing(
    found: list[dict[str, Any]], status: dict[str, Any], expected: tuple[object, ...]
) -> None:
    wanted = READY | {"onAbsent": "Passed"}
    sample = judge_resource(spec(condition=wanted), [thing("api-tls", *found, **status)])
    assert said(sample) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Bound"}, PASSED),
        ({"phase": "Pending"}, NOT_MET),
        ({"phase": "Lost"}, NOT_MET),
        ({"phase": "Unknown"}, NOT_REPORTED),
        ({"phase": ""}, NOT_REPORTED),
        ({"phase": None}, NOT_REPORTED),
        ({"phase": ["Bound"]}, NOT_REPORTED),
        ({}, NOT_REPORTED),
        ({"phase": "Bound", "observedGeneration": 2}, NOT_OBSERVED),
    ],
)
def test_a_phase(status: dict[str, Any], expected: tuple[object, ...]) -> None:
    assert said(judge_resource(spec(phase="Bound"), [thing("api-tls", **status)])) == expected


@pytest.mark.parametrize("status", [None, [], "Ready", {}, {"conditions": None}])
def test_a_status_of_any_other_form_says_nothing(status: object) -> None:
    item = {"metadata": {"name": "api-tls"}, "status": status}
    assert said(judge_resource(spec(condition=READY), [item])) == NOT_REPORTED
    assert said(judge_resource(spec(phase="Bound"), [item])) == NOT_REPORTED


@pytest.mark.parametrize("conditions", [{"Ready": "True"}, "Ready", [None, 7, "Ready", {}]])
def test_conditions_of_any_other_form_say_nothing(conditions: object) -> None:
    item = thing("api-tls") | {"status": {"conditions": conditions}}
    assert said(judge_resource(spec(condition=READY), [item])) == NOT_REPORTED


JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly"}


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ({"type": "Complete"}, [condition("True", "Complete")], PASSED),
        ({"type": "Complete"}, [condition("True", "Failed")], NOT_MET),
        ({"type": "Complete"}, [], NOT_REPORTED),
        ({"type": "Failed", "status": "False"}, [condition("True", "Failed")], NOT_MET),
        ({"type": "Failed", "status": "False"}, [condition("True", "Complete")], PASSED),
        ({"type": "Failed", "status": "False"}, [], NOT_REPORTED),
        ({"type": "Failed", "status": "False", "onAbsent": "Passed"}, [], PASSED),
        (
            {"type": "Failed", "status": "False", "onAbsent": "Passed"},
            [condition("True", "Failed")],
            NOT_MET,
        ),
        ({"type": "Suspended"}, [condition("True", "Complete")], NOT_REPORTED),
    ],
)
def test_a_job_ends_with_one_of_two_conditions_and_never_gets_the_other(
    wanted: dict[str, Any], found: list[dict[str, Any]], expected: tuple[object, ...]
) -> None:
    sample = judge_resource(spec(**JOB, condition=wanted), [thing("nightly", *found)])
    assert said(sample) == expected


def test_what_is_true_of_jobs_only_is_not_applied_to_others() -> None:
    sample = judge_resource(
        spec(condition={"type": "Complete"}), [thing("api-tls", condition("True", "Failed"))]
    )
    assert said(sample) == NOT_REPORTED


def test_a_named_object_that_does_not_exist_is_missing() -> None:
    sample = judge_resource(spec(condition=READY), [])
    assert said(sample) == MISSING
    assert sample.message == "Certificate api-tls does not exist"


def deleting(item: dict[str, Any]) -> dict[str, Any]:
    item["metadata"]["deletionTimestamp"] = "2026-01-31T09:30:00Z"
    return item


def test_an_object_that_is_being_deleted_counts_as_gone() -> None:
    going = deleting(thing("api-tls", condition("True")))
    named = judge_resource(spec(condition=READY), [going])
    assert said(named) == MISSING
    assert named.message == "Certificate api-tls is being deleted"
    assert said(judge_resource(selected(), [going])) == MISSING
    failing = deleting(thing("old", condition("False")))
    assert said(judge_resource(selected(), [failing, thing("new", condition("True"))])) == PASSED


@pytest.mark.parametrize(
    ("on_none", "expected"),
    [("Passed", PASSED), ("Failed", MISSING), ("Inconclusive", NO_OBJECTS)],
)
def test_a_selector_without_objects_means_what_the_check_says(
    on_none: str, expected: tuple[object, ...]
) -> None:
    sample = judge_resource(selected(on_none), [])
    assert said(sample) == expected
    assert sample.message == "there is no Certificate that the selector matches"


def test_one_object_that_does_not_meet_it_is_enough_whatever_the_others_say() -> None:
    good, bad = thing("good", condition("True")), thing("bad", condition("False", reason="Expired"))
    unsure = thing("a", condition("Unknown"))
    sample = judge_resource(selected(), [good, bad, unsure])
    assert said(sample) == NOT_MET
    assert sample.message == "a Certificate of the selector: the condition Ready is not True"
    assert sample.evidence == ("bad: Ready is False (Expired)",)
    doubt = judge_resource(selected(), [good, unsure])
    assert said(doubt) == NOT_REPORTED
    assert doubt.message == "Certificate a: Ready is Unknown"
    assert said(judge_resource(selected(), [good])) == PASSED


@pytest.mark.parametrize("reason", [f"{CANARY}", "with blank", "x" * 65, 7, None, ["A"], "", "A\n"])
def test_a_reason_that_is_no_plain_word_is_not_shown(reason: object) -> None:
    bad = thing("api-tls", condition("False", reason=reason))
    sample = judge_resource(spec(condition=READY), [bad])
    assert sample.evidence == ("api-tls: Ready is False",)
    phase = judge_resource(spec(phase="Bound"), [thing("api-tls", phase=str(reason) + "!")])
    assert phase.evidence == ("api-tls: phase is not Bound",)


def test_evidence_is_bounded_and_in_the_order_of_names() -> None:
    many = [thing(f"c-{number:03}", condition("False")) for number in range(300)]
    sample = judge_resource(selected(), list(reversed(many)))
    assert sample.evidence == tuple(f"c-00{number}: Ready is False" for number in range(5))


def test_a_resource_check_says_what_it_can_find() -> None:
    check = Check.model_validate(
        {"name": "tls", "resource": {**JOB, "condition": {"type": "Complete"}}}
    )
    assert (check.type, check.findings) == ("resource", ("ConditionNotMet", "Missing"))
