"""What leads nowhere in a file of tests is told, with what there is instead."""

import pytest

from unit.simulate.stories import misnamed, sop

FINE = "- {at: 0s, all: Passed}"


def given(text: str) -> list[str]:
    return misnamed(f"given:\n- {text}\nexpect: [{{at: 1m, acts: 0}}]")


def expect(text: str) -> list[str]:
    return misnamed(f"given:\n{FINE}\nexpect:\n- {text}")


A_TIME = "must be a time such as 2024-05-01T11:50:00Z or now-10m, or null"
CHECKS = (
    "led, accepted-moves-on, ocm-accepts, ready, few, rate, quiet, answers, no-back-off, flagged,"
    " keyed, admitted, migrated"
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "{at: 0s, check: leader, result: Passed}",
            f"check: there is no check leader; there are {CHECKS}",
        ),
        (
            "{at: 0s, check: led, finding: Nobody}",
            "finding: there is no finding Nobody; there are None, Many, NoHeartbeat",
        ),
        (
            "{at: 0s, check: led, result: Failed}",
            "result: say with finding what is found: one of None, Many, NoHeartbeat",
        ),
        (
            "{at: 0s, sql: {check: led, rows: []}}",
            "sql.check: there is no check that asks sql led; there are few",
        ),
        (
            "{at: 0s, samples: {check: quiet, series: []}}",
            "samples.check: there is no check that asks samples quiet; there are rate",
        ),
        (
            "{at: 0s, http: {check: led, status: 200}}",
            "http.check: there is no check that asks http led; there are answers",
        ),
        (
            "{at: 0s, rows: {table: cluster, rows: []}}",
            "rows: no check sees this; checks look at leases, clusters",
        ),
        (
            "{at: 0s, rows: {table: clusters, rows: [{id: 1, status: accepted}]}}",
            "rows.rows[0]: lacks updated_at, which the check accepted-moves-on reads",
        ),
        *(
            (
                f"{{at: 0s, rows: {{table: clusters, rows: [{{id: 1, status: accepted,"
                f" updated_at: {time}}}]}}}}",
                f"rows.rows[0].updated_at: {A_TIME}",
            )
            for time in ("yesterday", "2024-05-01", '"2024-05-01"', '"2024-13-01T00:00:00Z"', "7")
        ),
        (
            "{at: 0s, leases: {table: leases, rows: [{lease_type: a, leader: b, expires: 0s}]}}",
            f"leases.rows[0].expires: {A_TIME}",
        ),
        (
            "{at: 0s, leases: {table: leases, rows: [{leader: a}]}}",
            "leases.rows[0]: lacks lease_type, expires, which the check led reads",
        ),
        (
            "{at: 0s, logs: {pod: a, container: sidecar, lines: [x]}}",
            "logs: no check sees this; checks look at container service of the first target",
        ),
        (
            "{at: 0s, logs: {pod: a, container: service, target: apis, lines: [x]}}",
            "logs.target: there is no target apis; there are api",
        ),
        (
            "{at: 0s, sources: {databases: Unreachable}}",
            "sources: there is no source databases; there are database, metrics, logs, events,"
            " objects, workloads",
        ),
        (
            "{at: 0s, sources: {database: Down}}",
            "sources.database: must be Answers, or a reason of docs/reference.md",
        ),
        (
            "{at: 0s, objects: [{kind: ConfigMap}]}",
            "objects[0]: must have apiVersion, kind and metadata.name",
        ),
        ("{at: 0s, events: [{}]}", "events[0]: must have involvedObject, with kind and name"),
        (
            "{at: 0s, gone: [{apiVersion: v1, kind: Service, name: api}]}",
            "gone: no check sees this",
        ),
    ],
)
def test_what_is_given_to_nobody_is_told(text: str, fault: str) -> None:
    assert given(text) == [f"test 'it': given[0].{fault}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '{at: 0s, procedures: {Latency: "True"}}',
            "procedures: there is no procedure Latency; there are Provisioning, Provisioned",
        ),
        (
            '{at: 0s, conditions: {Health: "True"}}',
            "conditions: there is no condition Health; there are Ready, Healthy,"
            " RemediationAllowed, Remediating, Escalated, Stalled, Reconciling, Provisioning,"
            " Provisioned",
        ),
        (
            "{at: 0s, checks: {leader: Failed}}",
            f"checks: there is no check leader; there are {CHECKS}",
        ),
        (
            "{at: 0s, row: Provisioning/lost}",
            "row: there is no row Provisioning/lost; there are Provisioning/no-leader,"
            " Provisioning/ocm-refuses, Provisioning/otherwise",
        ),
        (
            "{at: 0s, escalated: [sre]}",
            "escalated: there is no team sre; there are ops, ocm-support",
        ),
        ("{at: 0s, act: restart, target: x}", "target: there is no target x; there are api"),
        (
            "{at: 0s, until: 1m, never: {escalated: [sre]}}",
            "never.escalated: there is no team sre; there are ops, ocm-support",
        ),
    ],
)
def test_what_is_expected_of_nobody_is_told(text: str, fault: str) -> None:
    assert expect(text) == [f"test 'it': expect[0].{fault}"]


def test_an_act_of_the_past_on_no_target_is_told() -> None:
    past = "acted: [{act: restart, ago: 1h, target: x}]\n"
    text = f"{past}given:\n{FINE}\nexpect: [{{at: 1m, acts: 0}}]"
    assert misnamed(text) == ["test 'it': acted[0].target: there is no target x; there are api"]
    text = text.replace(", target: x", "")
    assert misnamed(text) == []
    assert misnamed(text, sop().model_copy(update={"targets": ()})) == [
        "test 'it': acted[0].target: there is no target to act on; there are none"
    ]
