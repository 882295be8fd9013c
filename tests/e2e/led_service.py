"""A service of one pod whose worker loses its leader until the pod is replaced.

The lightest fault that a restart heals: a row in a lease table, which the test itself writes.
"""

import secrets
from typing import Any

from e2e.service import Service
from testbed import AuditRecord, ControlPlane, Postgres
from testbed.team import Json, Team

ACTION = "servicesop.io/action"


class LedService(Service):
    """The Deployment `api` and its lease table."""

    procedure = "Leaderless"
    finding = "led/None"
    act: Json = {"restart": {}}  # noqa: RUF012 - nobody changes it

    def __init__(self, control_plane: ControlPlane, postgres: Postgres, team: Team) -> None:
        super().__init__(control_plane, team)
        self._postgres = postgres
        self._set_up_database()
        team.deploy(replicas=1)
        team.grant(secrets=("database",), deployments=("api",))
        self._sick: set[str] = set()
        self.mark()

    def mark(self) -> None:
        """Count effects from now on."""
        self._mark = self._audit.mark()
        self._generation = self._deployment()["metadata"]["generation"]
        self._known = {one["metadata"]["uid"] for one in self._replica_sets()}

    def fail(self) -> None:
        """Take the lease away; nobody takes it while one of today's pods is there."""
        self._postgres.execute(f"DELETE FROM {self._table}")
        self._sick = set(self._pods().values())

    def heal(self) -> None:
        """Give the lease to a new pod, if all the pods are new."""
        pods = set(self._pods().values())
        if self._sick and pods and not pods & self._sick:
            self.restore()

    def restore(self) -> None:
        """Give the worker a leader."""
        self._sick = set()
        self._postgres.execute(f"DELETE FROM {self._table}")
        self._postgres.execute(
            f"INSERT INTO {self._table} VALUES ('worker', 'pod', now() + interval '1 h')"
        )

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

    # SOPs.

    def _check(self) -> Json:
        lease = {"connection": "database", "table": self._table}
        return {"leader": {"workers": ["worker"], "lease": lease, "forNone": "0s"}}

    def _connections(self) -> list[Json]:
        login = {"secretRef": {"name": "database"}, "tls": "Disable"}
        return [{"name": "database", "postgres": login}]

    # The parts.

    def _set_up_database(self) -> None:
        name = "led_" + secrets.token_hex(4)
        password = secrets.token_hex(8)
        self._table = name
        execute = self._postgres.execute
        execute(f"CREATE TABLE {name} (lease_type text, leader text, expires timestamptz)")
        execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        execute(f"GRANT SELECT ON {name} TO {name}")
        self.restore()
        self.team.secret(
            "database",
            host="127.0.0.1",
            port=str(self._postgres.port),
            database="postgres",
            user=name,
            password=password,
        )

    def _replica_sets(self) -> list[Json]:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/replicasets"
        items: list[Json] = self._get(path)["items"]
        return items


def _action(of: Json) -> Any:
    return of["spec"]["template"]["metadata"]["annotations"][ACTION]


def _ids(record: AuditRecord) -> set[str]:
    """Give the action ids that a patch sets; it may add the key, or the whole map."""
    assert isinstance(record.request_object, list)
    values = [one["value"] for one in record.request_object if one["op"] == "add"]
    return {value[ACTION] if isinstance(value, dict) else value for value in values}
