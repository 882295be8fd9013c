"""A service of one pod whose worker loses its leader until the pod is replaced.

The lightest fault that a restart heals: a row in a lease table, which the test itself writes. The
SOP's own limits are as wide as they go, so that nothing but the order of the steps, the ids and the
preconditions keeps a restart from being done twice.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from testbed import AuditRecord, ControlPlane, Postgres
from testbed.operator import NAMESPACE, RUNNER
from testbed.team import Json, Team, is_

ACTION = "servicesop.io/action"
_RECORD = "servicesop.io/record"
_POLL_SECONDS = 0.1


class LedService:
    """The Deployment `api`, its lease table, and what can be told of both from outside."""

    def __init__(self, control_plane: ControlPlane, postgres: Postgres, team: Team) -> None:
        self.team = team
        self._audit = control_plane.audit()
        self._postgres = postgres
        self._api = control_plane.api
        self._set_up_database()
        team.deploy(replicas=1)
        team.grant(secrets=("database",), deployments=("api",))
        self._sick: set[str] = set()
        self.mark()

    @property
    def namespace(self) -> str:
        return self.team.namespace

    def mark(self) -> None:
        """Count effects from now on."""
        self._mark = self._audit.mark()
        self._generation = self._deployment()["metadata"]["generation"]
        self._known = {one["metadata"]["uid"] for one in self._replica_sets()}

    def lose_leader(self) -> None:
        """Take the lease away; nobody takes it while one of today's pods is there."""
        self._postgres.execute(f"DELETE FROM {self._table}")
        self._sick = self._pods()

    def heal(self) -> None:
        """Give the lease to a new pod, if all the pods are new."""
        pods = self._pods()
        if self._sick and pods and not pods & self._sick:
            self.lead()

    def lead(self) -> None:
        """Give the worker a leader."""
        self._sick = set()
        self._postgres.execute(f"DELETE FROM {self._table}")
        self._postgres.execute(
            f"INSERT INTO {self._table} VALUES ('worker', 'pod', now() + interval '1 h')"
        )

    def wait(self, true: Callable[[], object], what: str, seconds: float = 25.0) -> None:
        """Poll, with pods taking the lease over meanwhile; AssertionError with the SOP at last."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                seen = json.dumps({"sop": self.sop(), "records": self.records()}, indent=1)
                raise AssertionError(f"{what}: not within {seconds:g} s\n{seen}")
            self.heal()
            time.sleep(_POLL_SECONDS)

    # What the operator has done, from the audit log and the objects.

    def changes(self) -> list[AuditRecord]:
        """Give the accepted changes of the Deployment by its runner, since the mark."""
        return [
            one
            for one in self._audit.mutations(by=self.runner, since=self._mark)
            if (one.resource, one.namespace, one.code) == ("deployments", self.namespace, 200)
        ]

    def effects(self) -> int:
        """Count those that changed the spec."""
        generations = [
            (one.response_object or {})["metadata"]["generation"] for one in self.changes()
        ]
        return len(set(generations) - {self._generation})

    def assert_one_effect(self) -> None:
        """One change of the spec, one new ReplicaSet, and both carry the same id."""
        assert self.effects() == 1
        deployment = self._deployment()
        assert deployment["metadata"]["generation"] == self._generation + 1
        made = [one for one in self._replica_sets() if one["metadata"]["uid"] not in self._known]
        assert len(made) == 1
        [change] = self.changes()
        assert {_action(deployment), _action(made[0])} == _ids(change)

    def assert_untouched(self) -> None:
        assert self.effects() == 0
        assert self._deployment()["metadata"]["generation"] == self._generation

    def status_writes(self) -> list[AuditRecord]:
        """Give all writes of the SOP's status since the mark, refused ones included."""
        return [
            one
            for one in self._audit.mutations(since=self._mark)
            if (one.resource, one.subresource, one.namespace)
            == ("servicesops", "status", self.namespace)
        ]

    @property
    def runner(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{RUNNER}"

    def sop(self) -> Json:
        """Give the SOP."""
        return self._get(
            f"/apis/servicesop.io/v1alpha1/namespaces/{self.namespace}/servicesops/sop"
        )

    def records(self) -> dict[str, Json]:
        """Give what is remembered of targets and budgets, by ConfigMap."""
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector={_RECORD}"
        return {
            item["metadata"]["name"]: json.loads(item["data"]["record"])
            for item in self._get(path)["items"]
        }

    def target_record(self) -> Json:
        """Give what is remembered of the Deployment; empty where nothing is."""
        found = [one for one in self.records().values() if one.get("namespace") == self.namespace]
        return found[0] if found else {}

    def over(self) -> bool:
        """Say whether the episode is closed and nothing is claimed, budgeted or open any more."""
        status = self.sop().get("status", {})
        records = self.records().values()
        return (
            is_(status, "Healthy", "True")
            and is_(status, "Leaderless", "False")
            and not any("episode" in one for one in status["procedures"])
            and not status.get("intents")
            and not any("claim" in one for one in records)
            and not any(
                entry.get("open", True) for one in records for entry in one.get("entries", ())
            )
        )

    def let_claims_run_out(self) -> None:
        """Set the deadlines of what is claimed and budgeted back, instead of waiting for them."""
        for name, record in self.records().items():
            for held in (record.get("claim"), *record.get("entries", ())):
                if held is not None:
                    held["deadline"] = "2000-01-01T00:00:00Z"
            patch = json.dumps({"data": {"record": json.dumps(record)}})
            self.team.control_plane.kubectl(
                *("-n", NAMESPACE, "patch", "configmap", name, "--type=merge", f"--patch={patch}")
            )

    # SOPs.

    def apply(self, **remediate: object) -> None:
        """Apply the SOP; `remediate` changes its row."""
        self.team.apply(self._spec(remediate))

    def delete(self) -> None:
        """Delete the SOP."""
        self.team.kubectl("delete", "servicesop", "sop", "--wait=true")

    def _spec(self, remediate: Mapping[str, object]) -> Json:
        row = {
            "restart": {},
            "settle": "0s",
            "verify": {"checks": ["led"], "within": "20s"},
            "cooldown": "1s",
            "attempts": {"max": 10},
            "atMost": {"max": 20},
            **remediate,
        }
        lease = {"connection": "database", "table": self._table}
        leader = {"workers": ["worker"], "lease": lease, "forNone": "0s"}
        rows = [
            {"name": "none", "when": {"anyFailed": ["led/None"]}, "remediate": row},
            {"name": "rest", "otherwise": True, "escalate": {"to": ["owners"]}},
        ]
        return {
            "title": "Service",
            "mode": "Enforce",
            "every": "1s",
            "reopenWithin": "1s",
            "targets": [{"name": "api", "ref": {"kind": "Deployment", "name": "api"}}],
            "connections": [
                {
                    "name": "database",
                    "postgres": {"secretRef": {"name": "database"}, "tls": "Disable"},
                }
            ],
            "teams": [{"name": "owners", "title": "Owners"}],
            "checks": [{"name": "led", "recoverFor": "0s", "leader": leader}],
            "procedures": [{"name": "Leaderless", "checks": ["led"], "handle": rows}],
        }

    # The parts.

    def _set_up_database(self) -> None:
        name = "led_" + secrets.token_hex(4)
        password = secrets.token_hex(8)
        self._table = name
        execute = self._postgres.execute
        execute(f"CREATE TABLE {name} (lease_type text, leader text, expires timestamptz)")
        execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        execute(f"GRANT SELECT ON {name} TO {name}")
        self.lead()
        self.team.secret(
            "database",
            host="127.0.0.1",
            port=str(self._postgres.port),
            database="postgres",
            user=name,
            password=password,
        )

    def _deployment(self) -> Json:
        return self._get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/api")

    def _replica_sets(self) -> list[Json]:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/replicasets"
        items: list[Json] = self._get(path)["items"]
        return items

    def _pods(self) -> set[str]:
        items = self._get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return {
            one["metadata"]["uid"] for one in items if "deletionTimestamp" not in one["metadata"]
        }

    def _get(self, path: str) -> Json:
        answer: Json = self._api.request("GET", path)
        return answer


def _action(of: Json) -> Any:
    return of["spec"]["template"]["metadata"]["annotations"][ACTION]


def _ids(record: AuditRecord) -> set[str]:
    """Give the action ids that a patch sets; it may add the key, or the whole map."""
    assert isinstance(record.request_object, list)
    values = [one["value"] for one in record.request_object if one["op"] == "add"]
    return {value[ACTION] if isinstance(value, dict) else value for value in values}
