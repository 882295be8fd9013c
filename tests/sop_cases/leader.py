"""The broken cases of checks leader."""

from typing import Any

from sop_cases.broken import ABSENT, Broken, changed

LEADER_LOGS = {"container": "service", "acquired": "{worker} leads", "lost": "{worker} led"}
"""Lines of a leader, as they should be."""


def _metric(**fields: Any) -> dict[str, Any]:
    metric = changed({"connection": "metrics", "expr": "leads", "worker": "worker"}, fields)
    return {"name": "led", "leader": {"workers": ["cluster"], "metric": metric}}


CASES = {
    "a leader check that asks nobody": Broken(
        {"checks.1.leader.lease": ABSENT},
        (
            "spec.checks[1].leader: Invalid value: at least one of the fields in "
            "[lease kubernetesLease metric logs] must be set"
        ),
    ),
    "leases in a table and in Kubernetes": Broken(
        {"checks.1.leader.kubernetesLease": {"name": "orders"}},
        (
            "spec.checks[1].leader: Invalid value: lease and kubernetesLease exclude each other:"
            " one of them says who leads"
        ),
    ),
    "a leader check without workers": Broken(
        {"checks.1.leader.workers": ABSENT},
        (
            "spec.checks[1].leader: Invalid value: workers must be named, unless"
            " kubernetesLease.name is the name of a single Lease"
        ),
    ),
    "a Lease for several workers": Broken(
        {
            "checks.1.leader": {
                "workers": ["cluster", "dns"],
                "kubernetesLease": {"name": "orders"},
            }
        },
        (
            "spec.checks[1].leader: Invalid value: kubernetesLease.name must hold {worker} when"
            " there are several workers"
        ),
    ),
    "a worker that no Lease can be named after": Broken(
        {
            "checks.1.leader": {
                "workers": ["accepted_kafka"],
                "kubernetesLease": {"name": "orders-{worker}"},
            }
        },
        (
            "spec.checks[1].leader: Invalid value: workers that stand in kubernetesLease.name must"
            " be lower case letters, digits, '-' and '.'"
        ),
    ),
    "a Lease whose name leads elsewhere": Broken(
        {"checks.1.leader": {"kubernetesLease": {"name": "../pods"}}},
        (
            'spec.checks[1].leader.kubernetesLease.name: Invalid value: "../pods": must be the'
            " name of a Lease: lower case letters, digits, '-' and '.', with {worker} in it at"
            " most once"
        ),
    ),
    "a leader's line that does not name its worker": Broken(
        {
            "checks.1.leader": {
                "workers": ["cluster", "dns"],
                "logs": LEADER_LOGS | {"lost": "leads no more"},
            }
        },
        (
            "spec.checks[1].leader: Invalid value: every pattern of logs must hold {worker} when"
            " there are several workers"
        ),
    ),
    "a printed worker that is none": Broken(
        {"checks.1.leader.logs": LEADER_LOGS | {"printed": [{"worker": "dns", "text": "DNS"}]}},
        "spec.checks[1].leader: Invalid value: logs.printed must name workers of this check",
    ),
    "two workers that are printed alike": Broken(
        {
            "checks.1.leader": {
                "workers": ["cluster", "dns"],
                "logs": LEADER_LOGS
                | {
                    "printed": [
                        {"worker": "dns", "text": "Manager"},
                        {"worker": "cluster", "text": "Manager"},
                    ]
                },
            }
        },
        (
            "spec.checks[1].leader.logs: Invalid value: printed must not name a worker twice, or"
            " print two workers in the same way"
        ),
    ),
    "a leader's line with its worker twice": Broken(
        {"checks.1.leader.logs": LEADER_LOGS | {"acquired": "{worker} leads {worker}"}},
        (
            'spec.checks[1].leader.logs.acquired: Invalid value: "{worker} leads {worker}": must'
            " not hold {worker} or {holder} more than once"
        ),
        by_models=False,
    ),
    "an unknown target of a leader check": Broken(
        {"checks.1.leader.logs": LEADER_LOGS | {"target": "app"}},
        (
            "spec.checks: Invalid value: checks[].leader.logs.target must be the name of one of"
            " spec.targets; wrong in cluster-leader"
        ),
        by_models=False,
    ),
    "a table with a semicolon": Broken(
        {"checks.1.leader.lease.table": "leases;drop"},
        (
            'spec.checks[1].leader.lease.table: Invalid value: "leases;drop": must '
            "be a table, or schema.table: letters, digits and '_'"
        ),
    ),
    "no duration at all": Broken(
        {"checks.1.leader.forNone": ""},
        (
            'spec.checks[1].leader.forNone: Invalid value: "": must be a duration '
            'such as "30s", "3m" or "1h30m"'
        ),
    ),
    "an unknown connection of a leader check": Broken(
        {"checks.1.leader.lease.connection": "db"},
        (
            "spec.checks: Invalid value: checks[].leader.lease.connection must be "
            "the name of one of spec.connections that has postgres; wrong in cluster-leader"
        ),
        by_models=False,
    ),
    "leaders by a metric of blanks": Broken(
        {"checks.4": _metric(expr=" ")},
        ('spec.checks[4].leader.metric.expr: Invalid value: " ": must be an expression of PromQL'),
    ),
    "leaders by a label that is none": Broken(
        {"checks.4": _metric(worker="worker-type")},
        (
            'spec.checks[4].leader.metric.worker: Invalid value: "worker-type": must be '
            "the name of a label: letters, digits and '_', not starting with a digit"
        ),
    ),
    "an unknown connection of leaders by a metric": Broken(
        {"checks.4": _metric(connection="database")},
        (
            "spec.checks: Invalid value: checks[].leader.metric.connection must be the name of "
            "one of "
            "spec.connections that has prometheus; wrong in led"
        ),
        by_models=False,
    ),
}
