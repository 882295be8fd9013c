"""What is asked of values, and what is said of them: never what they are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.checks.config import DataKind, Value
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.checks.config import container_of, judge_running
from servicesop.checks.config_judgement import Answer, judge_value, judge_values
from servicesop.checks.config_objects import DataRef, data_of
from servicesop.checks.config_text import Absent, Text, Unseen, literal
from servicesop.judge.results import Verdict
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from servicesop.sources.errors import SourceError
from unit.checks.containers import config_map, secret
from unit.checks.workload_views import STEADY

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECRET = Text(b"canary", secret=True, origins=("Secret login, key token",))


def value(**fields: Any) -> Value:
    return Value.model_validate({"env": "URL"} | fields)


@pytest.mark.parametrize(
    ("asked", "text", "finding"),
    [
        ({}, "", ""),
        ({"nonEmpty": True}, "", "Empty"),
        ({"nonEmpty": True}, " ", ""),
        ({"minLength": 3}, "", "Empty"),
        ({"minLength": 3}, "ab", "TooShort"),
        ({"minLength": 3}, "abc", ""),
        ({"minLength": 3}, "äöü", ""),
        ({"minLength": 3}, "äö", "TooShort"),
        ({"equals": ""}, "", ""),
        ({"equals": "x"}, "x", ""),
        ({"equals": "x"}, "X", "Differs"),
        ({"equals": "x"}, "x\n", "Differs"),
        ({"nonEmpty": True, "equals": "x"}, "", "Empty"),
        ({"matches": "[0-9]+"}, "42", ""),
        ({"matches": "[0-9]+"}, "42a", "Differs"),
        ({"matches": "a|ab"}, "ab", ""),
        ({"matches": "ä."}, "äb", ""),
    ],
)
def test_what_is_asked_of_a_value(asked: dict[str, Any], text: str, finding: str) -> None:
    assert judge_value(value(**asked), literal(text)).finding == finding


URL = "https://api.example.com/metrics/v1"


@pytest.mark.parametrize(
    "same",
    [
        URL,
        f"{URL}/",
        "HTTPS://API.example.COM/metrics/v1",
        "https://api.example.com:443/metrics/v1",
    ],
)
def test_a_url_is_the_same_however_it_is_written(same: str) -> None:
    assert judge_value(value(url=URL), literal(same)).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "other",
    [
        "",
        "api.example.com/metrics/v1",
        "http://api.example.com/metrics/v1",
        "https://api.example.com:8443/metrics/v1",
        "https://api.example.com:99999/metrics/v1",
        "https://api.example.com/metrics",
        "https://api.example.com/metrics/V1",
        f"{URL}//",
        f"{URL}\n",
        f" {URL}",
        f"{URL}\t",
        f"{URL}\x00",
        f"{URL}?tenant=a",
        f"{URL}#a",
        "https://api.example.com@evil.example.com/metrics/v1",
        "https://user@api.example.com/metrics/v1",
        "https://api.example.com.evil.example.com/metrics/v1",
        "https://[api.example.com/metrics/v1",
        "https:///metrics/v1",
        "$(URL)",
    ],
)
def test_another_url_differs(other: str) -> None:
    assert judge_value(value(url=URL), literal(other)).finding == "Differs"


@pytest.mark.parametrize("comparison", ["equals", "url", "matches"])
@pytest.mark.parametrize("content", [b"", b"https://canary", b"\xff"])
def test_a_secret_is_never_compared(comparison: str, content: bytes) -> None:
    with pytest.raises(SourceError) as refused:
        judge_value(value(**{comparison: "https://canary"}), replace(SECRET, known=content))

    assert refused.value.reason is UnknownReason.SECRET_NOT_COMPARED
    assert "canary" not in refused.value.message


def test_a_secret_may_be_asked_for_its_presence_and_least_length() -> None:
    assert judge_value(value(), SECRET) == Answer(Verdict.PASSED)
    assert judge_value(value(minLength=6), SECRET) == Answer(Verdict.PASSED)
    assert judge_value(value(minLength=7), SECRET) == Answer(
        Verdict.FAILED,
        "variable URL is shorter than 7 characters (Secret login, key token)",
        "TooShort",
    )
    binary = replace(SECRET, known=b"\xff\xfe\xfd")
    assert judge_value(value(minLength=3), binary).verdict is Verdict.PASSED
    assert judge_value(value(minLength=4), binary).finding == "TooShort"


@pytest.mark.parametrize(
    ("asked", "known", "verdict"),
    [
        ({}, b"", Verdict.PASSED),
        ({"nonEmpty": True}, b"", Verdict.INCONCLUSIVE),
        ({"nonEmpty": True}, b"https://", Verdict.PASSED),
        ({"minLength": 9}, b"https://", Verdict.INCONCLUSIVE),
        ({"minLength": 8}, b"https://", Verdict.PASSED),
        ({"equals": "https://"}, b"https://", Verdict.INCONCLUSIVE),
        ({"matches": "x"}, b"https://", Verdict.INCONCLUSIVE),
    ],
)
def test_what_is_seen_in_part(asked: dict[str, Any], known: bytes, verdict: Verdict) -> None:
    answer = judge_value(value(**asked), Text(known, unseen="a field of the pod"))

    assert answer.verdict is verdict
    assert answer.says in ("", "variable URL cannot be seen in full: a field of the pod")


@pytest.mark.parametrize(
    ("asked", "finding"),
    [
        ({}, ""),
        ({"nonEmpty": True}, "Empty"),
        ({"minLength": 2}, "Empty"),
        ({"equals": "true"}, ""),
        ({"equals": "false"}, "Differs"),
        ({"equals": ""}, "Differs"),
        ({"matches": "true|yes"}, ""),
    ],
)
def test_a_flag_without_a_value(asked: dict[str, Any], finding: str) -> None:
    asked_flag = Value.model_validate({"argument": "--debug"} | asked)

    assert judge_value(asked_flag, Text(bare=True)).finding == finding


def test_what_is_not_there_is_missing_and_what_cannot_be_seen_is_not() -> None:
    missing = judge_value(value(equals="x"), Absent("Secret x does not exist"))
    unsure = judge_value(value(equals="x"), Unseen("a Service may set it"))

    assert (missing.finding, missing.says) == (
        *("Missing", "variable URL is not set: Secret x does not exist"),
    )
    assert (unsure.verdict, unsure.says) == (
        *(Verdict.INCONCLUSIVE, "variable URL cannot be seen: a Service may set it"),
    )


def test_one_value_that_is_wrong_is_enough() -> None:
    good = Answer(Verdict.PASSED)
    bad = [Answer(Verdict.FAILED, f"variable {n} is empty", "Empty") for n in range(9)]
    unsure = Answer(Verdict.INCONCLUSIVE, "variable X cannot be seen")

    failed = judge_values("Deployment api", [unsure, *bad, good])
    cannot_tell = judge_values("Deployment api", [good, unsure])

    assert failed.message == "Deployment api: variable 0 is empty; and 8 more"
    assert failed.findings == {"Empty"}
    assert len(failed.evidence) == 5
    assert cannot_tell.reason is UnknownReason.NOT_VISIBLE
    assert cannot_tell.evidence == ("variable X cannot be seen",)
    assert judge_values("Deployment api", [good]).verdict is Verdict.PASSED


def test_a_pattern_that_is_too_much_is_an_error() -> None:
    with pytest.raises(SourceError) as refused:
        judge_value(value(matches="((a{0,100}){0,100}){0,100}"), literal("a"))

    assert refused.value.reason is UnknownReason.INVALID_PATTERN
    assert "the pattern for variable URL" in refused.value.message


# ---- what objects hold

REF = DataRef(DataKind.SECRET, "login")


def test_nothing_of_a_value_is_in_its_repr() -> None:
    # Tracebacks and debuggers show it.
    assert "canary" not in repr(data_of(REF, secret(token="canary")))
    assert "canary" not in repr(literal("canary"))


@pytest.mark.parametrize("data", [{"a": "%%"}, {"a": "YQ"}, {"a": 7}, ["a"], "x"])
def test_a_secret_in_another_form_is_an_error_that_shows_nothing(data: object) -> None:
    with pytest.raises(SourceError) as refused:
        data_of(REF, {"metadata": {}, "data": data})

    assert refused.value.reason is UnknownReason.BAD_ANSWER
    assert refused.value.message == "Secret login is not in the expected form"
    assert refused.value.__cause__ is None


def test_when_a_key_was_set_last() -> None:
    def entry(minute: int, *keys: str) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "f:data": {".": {}} | {f"f:{key}": {} for key in keys},
            "f:metadata": {},
        }
        return {"time": f"2026-01-31T12:{minute:02}:00Z", "fieldsV1": fields}

    found = config_map(one="1", two="2", three="3")
    found["metadata"] |= {
        "creationTimestamp": "2026-01-31T12:00:00Z",
        "managedFields": [
            *(entry(5, "one"), entry(7, "one", "two"), entry(6, "two")),
            {"time": "2026-01-31T13:00:00Z", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
            {"fieldsV1": {"f:data": {"f:two": {}}}},
            {"time": "2026-01-31T13:00:00Z"},
        ],
    }
    texts = data_of(DataRef(DataKind.CONFIG_MAP, "settings"), found).texts
    changed = {key: text.changed for key, text in texts.items()}

    assert changed == {
        "one": NOW + timedelta(minutes=7),
        "two": NOW + timedelta(minutes=7),
        "three": NOW,
    }


# ---- what runs

WORKLOAD = replace(STEADY, replicas=2, current=2, updated=2, ready=2, available=2)
STATEFUL_SET = replace(
    WORKLOAD, kind=WorkloadKind.STATEFUL_SET, current_revision="new", update_revision="new"
)


def pod(name: str = "a", template: str = "new", ago: int = 10, **fields: Any) -> PodView:
    started = NOW - timedelta(minutes=ago)
    waiting = fields.pop("waiting", "")
    one = ContainerView("service", "id", 0, ready=True, waiting=waiting, started=started)
    other = replace(one, name="proxy", started=NOW - timedelta(days=1))
    return PodView(
        name=name,
        uid=name,
        template=template,
        ready=True,
        deleting=fields.pop("deleting", False),
        containers=(one, other),
    )


@pytest.mark.parametrize(
    ("workload", "pods", "reason"),
    [
        (WORKLOAD, [pod(), pod("b")], None),
        (WORKLOAD, [], None),
        (replace(WORKLOAD, observed_generation=2), [pod()], UnknownReason.NOT_OBSERVED),
        (replace(WORKLOAD, updated=1, current=3), [pod()], UnknownReason.ROLLING_OUT),
        (replace(WORKLOAD, paused=True, updated=0), [pod()], UnknownReason.STARTED_EARLIER),
        (
            replace(WORKLOAD, deadline_exceeded=True),
            [pod(), pod("b", "old")],
            UnknownReason.STARTED_EARLIER,
        ),
        (WORKLOAD, [pod(), pod("b", ago=30)], UnknownReason.STARTED_EARLIER),
        (WORKLOAD, [pod(), pod("b", ago=30, deleting=True)], None),
        (WORKLOAD, [pod(), pod("b", ago=30, waiting="CrashLoopBackOff")], None),
        (STATEFUL_SET, [pod()], None),
        (replace(STATEFUL_SET, on_delete=True), [pod(template="old")], "StartedEarlier"),
        (replace(STATEFUL_SET, partition=1), [pod(), pod("a-0", "old")], "StartedEarlier"),
        (replace(STATEFUL_SET, current_revision="old"), [pod()], "RollingOut"),
    ],
)
def test_what_the_containers_were_started_with(
    workload: WorkloadView, pods: list[PodView], reason: str | None
) -> None:
    changed = NOW - timedelta(minutes=20)

    assert judge_running(workload, 3, pods, "service", changed).reason == reason


def test_a_view_that_lags_behind_the_object_is_not_believed() -> None:
    assert judge_running(WORKLOAD, 4, [pod()], "service", None).reason == "NotObserved"


def test_without_a_time_of_the_change_nothing_is_older() -> None:
    assert judge_running(WORKLOAD, 3, [pod(ago=9999)], "service", None).verdict is Verdict.PASSED


def test_pods_with_older_values_are_named() -> None:
    pods = [pod("b", ago=30), pod("a", ago=30), pod("c")]
    sample = judge_running(WORKLOAD, 3, pods, "service", NOW - timedelta(minutes=20))

    assert sample.evidence == ("a: service was started before", "b: service was started before")


def test_which_container() -> None:
    def workload(*names: str) -> dict[str, Any]:
        pod = {
            "containers": [{"name": name} for name in names],
            "initContainers": [{"name": "migrate"}],
        }
        return {"spec": {"template": {"spec": pod}}}

    assert container_of(workload("service"), None, "Deployment api") == {"name": "service"}
    assert container_of(workload("a", "b"), "b", "Deployment api") == {"name": "b"}
    assert container_of(workload("a"), "migrate", "Deployment api") == {"name": "migrate"}
    for names, wanted, says in (
        (("a", "b"), None, "have several containers; say which with `container`"),
        (("a", "b"), "c", "have no container c; correct the check's `container`"),
    ):
        with pytest.raises(SourceError) as refused:
            container_of(workload(*names), wanted, "Deployment api")
        assert refused.value.reason is UnknownReason.CONTAINER_NOT_FOUND
        assert refused.value.message == f"the pods of Deployment api {says}"


def test_a_config_check_says_what_it_can_find() -> None:
    check = Check.model_validate({"name": "set", "config": {"values": [{"env": "URL"}]}})

    assert (check.type, check.findings) == (
        *("config", ("Missing", "Empty", "TooShort", "Differs")),
    )
