"""What is observed is judged by the check's own judge: passed, failed and unknown, each type."""

import pytest

from servicesop.api.status import CheckState
from unit.simulate.stories import faults, sop, told

ALL = "- {at: 0s, all: Passed}"


def story(check: str, state: CheckState | str, *given: str, at: str = "20m") -> str:
    lines = "\n".join(f"- {{at: 1m, {one}}}" for one in given)
    return f"given:\n{ALL}\n{lines}\nexpect:\n- {{at: {at}, checks: {{{check}: {state}}}}}\n"


def deployment(rest: str) -> str:
    head = "apiVersion: apps/v1, kind: Deployment, metadata: {name: fleet-manager}"
    return f"objects: [{{{head}, {rest}}}]"


def job(status: str) -> str:
    head = "apiVersion: batch/v1, kind: Job, metadata: {name: migrate}"
    return (
        f'objects: [{{{head}, status: {{conditions: [{{type: Complete, status: "{status}"}}]}}}}]'
    )


def accepted(*updated: str) -> str:
    rows = ", ".join(
        f"{{id: {number}, status: accepted, updated_at: {time}, region: eu}}"
        for number, time in enumerate(updated)
    )
    return f"rows: {{table: clusters, rows: [{rows}]}}"


def lease(*leases: str) -> str:
    rows = ", ".join(
        f"{{lease_type: cluster, leader: {holder}, expires: {expires}}}"
        for holder, _, expires in (one.partition(" ") for one in leases)
    )
    return f"leases: {{table: leases, rows: [{rows}]}}"


def policy(peer: str) -> str:
    head = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: admit}"
    labels = f"{{matchLabels: {{kubernetes.io/metadata.name: {peer}}}}}"
    spec = f"podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {labels}}}]}}]"
    return f"objects: [{{{head}, spec: {{{spec}}}}}]"


def started(flag: str) -> str:
    container = f'{{name: service, args: ["{flag}"]}}'
    return deployment(f"spec: {{template: {{spec: {{containers: [{container}]}}}}}}")


SECRET = "objects: [{apiVersion: v1, kind: Secret, metadata: {name: rds}, data: {db.host: %s}}]"
BACK_OFF = (
    "events: [{involvedObject: {kind: Pod, name: fleet-manager-0}, reason: %s, type: Warning}]"
)
REFUSED = "logs: {pod: fm-1, container: service, lines: [failed to create x], every: 1m}"


@pytest.mark.parametrize(
    ("check", "state", "given"),
    [
        ("led", "Passed", lease("a now+45s")),
        ("led", "Failed", lease()),
        ("led", "Failed", lease("a now-1s")),
        ("led", "Failed", lease("a now+45s", "b now+45s")),
        ("led", "Failed", lease("a 2024-05-01T12:02:00Z")),
        ("led", "Failed", lease('a "2024-05-01T12:02:00Z"')),
        ("led", "Passed", lease("a 2024-05-01T23:00:00Z")),
        ("led", "Passed", lease('a "2024-05-01T23:00:00Z"')),
        # A column without a time zone: the database compares it as it likes, here in UTC.
        ("led", "Passed", lease("a 2024-05-01T23:00:00")),
        ("led", "Failed", lease("a null")),
        ("led", "Error", "sources: {database: Unreachable}"),
        ("accepted-moves-on", "Passed", accepted()),
        ("accepted-moves-on", "Failed", accepted("now-4m")),
        # A row that is written again and again stays where it is all the same.
        ("accepted-moves-on", "Failed", accepted("now")),
        ("accepted-moves-on", "Failed", accepted(*["now"] * 6)),
        # A column without a time zone.
        ("accepted-moves-on", "Error", accepted("2024-05-01T12:00:00")),
        ("accepted-moves-on", "Error", accepted('"2024-05-01 12:00:00"')),
        ("accepted-moves-on", "Error", "sources: {database: AuthenticationFailed}"),
        ("ocm-accepts", "Failed", REFUSED),
        ("ocm-accepts", "Passed", REFUSED.replace("failed", "managed")),
        # As long as the window is, after the last line.
        ("ocm-accepts", "Failed", REFUSED.replace("every: 1m", "every: 1m, until: 10m")),
        ("ocm-accepts", "Passed", REFUSED.replace("every: 1m", "every: 1m, until: 8m")),
        ("ocm-accepts", "Error", "sources: {logs: ApiUnavailable}"),
        ("ready", "Passed", deployment("status: {}")),
        ("ready", "Failed", deployment("status: {readyReplicas: 1}")),
        ("ready", "Failed", deployment("spec: {replicas: 2}")),
        ("ready", "Error", "gone: [{apiVersion: apps/v1, kind: Deployment, name: fleet-manager}]"),
        ("ready", "Error", "sources: {workloads: ApiUnavailable}"),
        ("few", "Passed", "sql: {check: few, rows: [[5]]}"),
        ("few", "Passed", "sql: {check: few, rows: []}"),
        ("few", "Failed", "sql: {check: few, rows: [[6]]}"),
        ("few", "Error", "sql: {check: few, rows: [[1], [2]]}"),
        ("rate", "Passed", 'samples: {check: rate, series: [{labels: {a: b}, value: "0.1"}]}'),
        ("rate", "Failed", 'samples: {check: rate, series: [{value: "0.11"}]}'),
        ("rate", "Inconclusive", "samples: {check: rate, series: []}"),
        ("rate", "Inconclusive", "samples: {check: rate, series: [{value: null}]}"),
        ("rate", "Error", "sources: {metrics: EndpointNotAllowed}"),
        ("quiet", "Passed", "alerts: []"),
        ("quiet", "Passed", "alerts: [{name: Other}]"),
        ("quiet", "Failed", "alerts: [{name: Down, labels: {severity: critical}}]"),
        ("quiet", "Inconclusive", "alerts: [{name: Down, state: NoRule}]"),
        ("quiet", "Inconclusive", "alerts: [{name: Down, state: NotEvaluated}]"),
        ("answers", "Passed", "http: {check: answers, status: 200}"),
        ("answers", "Failed", "http: {check: answers, status: 502}"),
        ("answers", "Failed", "http: {check: answers, status: 200, seconds: 1.5}"),
        ("answers", "Failed", "http: {check: answers, status: 200, seconds: 60}"),
        ("answers", "Failed", "http: {check: answers, failure: Timeout}"),
        ("answers", "Failed", "http: {check: answers, failure: CertificateExpired}"),
        ("answers", "Error", "http: {check: answers, failure: Unreachable}"),
        ("answers", "Error", "http: {check: answers, notAsked: IssuerUnavailable}"),
        ("no-back-off", "Passed", "events: []"),
        ("no-back-off", "Passed", BACK_OFF % "Pulled"),
        ("flagged", "Passed", started("--url=a")),
        ("flagged", "Failed", started("--url=b")),
        ("keyed", "Passed", SECRET % "aG9zdA=="),
        ("keyed", "Failed", SECRET % '""'),
        ("keyed", "Error", "sources: {objects: ApiUnavailable}"),
        ("flagged", "Error", "sources: {objects: AccessDenied}"),
        ("admitted", "Error", "sources: {objects: AccessDenied}"),
        ("admitted", "Passed", policy("monitoring")),
        ("admitted", "Failed", policy("other")),
        ("migrated", "Passed", job("True")),
        ("migrated", "Failed", job("False")),
        ("migrated", "Failed", "gone: [{apiVersion: batch/v1, kind: Job, name: migrate}]"),
    ],
)
def test_its_own_judge_judges_what_a_check_observes(check: str, state: str, given: str) -> None:
    assert faults(story(check, state, given)) == ()


@pytest.mark.parametrize(("at", "state"), [("10m", "Failed"), ("15m", "Passed")])
def test_an_event_fails_for_as_long_as_it_is_in_the_window(at: str, state: str) -> None:
    assert faults(story("no-back-off", state, BACK_OFF % "BackOff", at=at)) == ()


@pytest.mark.parametrize("time", ["2024-05-01T11:50:00Z", '"2024-05-01T11:50:00Z"'])
def test_a_time_is_one_in_quotes_too(time: str) -> None:
    # Were it taken for a text, the row would be as old as the first sight of it: two minutes.
    assert faults(story("accepted-moves-on", "Failed", accepted(time), at="3m")) == ()


def test_what_was_given_last_counts() -> None:
    text = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: few, finding: TooMany}
- {at: 6m, sql: {check: few, rows: [[1]]}}
- {at: 10m, check: few, result: Error}
- {at: 14m, all: Inconclusive}
expect:
- {at: 5m, checks: {few: Failed, led: Passed}}
- {at: 9m, checks: {few: Passed}}
- {at: 13m, checks: {few: Error}}
- {at: 17m, checks: {few: Error, led: Inconclusive}}
"""
    assert faults(text) == ()


def test_a_restart_gives_new_pods_with_logs_of_their_own() -> None:
    text = """
given:
- {at: 0s, all: Passed}
- {at: 1m, logs: {pod: fm-1, container: service, lines: [failed to create], every: 1m, until: 4m}}
- {at: 2m, check: led, finding: None}
- {at: 6m, check: led, result: Passed}
expect:
- {at: 4m, act: restart, checks: {ocm-accepts: Failed}}
- {at: 20m, checks: {ocm-accepts: Passed, ready: Passed}, acts: 1, conditions: {Healthy: "True"}}
"""
    assert faults(text) == ()


BUDGET = (
    "objects: [{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: api}, spec:"
    " {selector: {matchLabels: {app: fleet-manager}}}, status: {disruptionsAllowed: 1}}]"
)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (BUDGET, "act: deletePod, target: api, acts: 1, escalated: []"),
        # Without a PodDisruptionBudget it is refused, and people are called.
        ("all: Passed", "acts: 0, escalated: [ops]"),
    ],
)
def test_the_one_pod_that_logs_single_out_is_evicted(budget: str, expected: str) -> None:
    rows = [
        {
            "name": "one-pod",
            "when": {"anyFailed": ["ocm-accepts/SinglePod"]},
            "remediate": {"deletePod": {"podFrom": "ocm-accepts"}},
        },
        {"name": "otherwise", "otherwise": True, "escalate": {"to": ["ops"]}},
    ]
    spec = sop(procedures=[{"name": "Refused", "checks": ["ocm-accepts"], "handle": rows}])
    text = f"""
given:
- {{at: 0s, all: Passed}}
- {{at: 0s, {budget}}}
- {{at: 1m, logs: {{pod: fm-1, container: service, lines: [failed to create], every: 20s}}}}
expect:
- {{at: 3m, row: Refused/one-pod, {expected}}}
"""
    assert faults(text, spec) == ()


def test_an_action_that_the_guards_refuse_is_not_done() -> None:
    paused = deployment("spec: {paused: true}")
    text = f"""
given:
- {{at: 0s, all: Passed}}
- {{at: 1m, {paused}}}
- {{at: 2m, check: led, finding: None}}
expect:
- {{at: 10m, row: Provisioning/no-leader, acts: 0, escalated: [ops]}}
"""
    assert faults(text) == ()


def test_a_check_without_anything_given_says_so() -> None:
    text = """
given: [{at: 0s, check: led, result: Passed}]
expect: [{at: 3m, checks: {few: Passed, ready: Passed}}]
"""
    assert faults(text) == (
        "expect[0] at 3m: checks.few: expected Passed, it is Error (the test gives no sql rows for"
        " this check)",
    )


def test_rows_are_reached_by_observations_or_only_plainly() -> None:
    lost = "given:\n- {at: 0s, all: Passed}\n- {at: 1m, %s}\nexpect: [{at: 5m, acts: 1}]\n"
    plainly = told(lost % "check: led, finding: None").rows
    observed = told(lost % lease()).rows

    assert {(str(one.row), one.observed) for one in plainly} == {("Provisioning/no-leader", False)}
    assert {(str(one.row), one.observed) for one in observed} == {("Provisioning/no-leader", True)}
