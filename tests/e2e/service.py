"""A service on which an operator acts, and what can be told of both from outside.

The SOP's own limits are as wide as they go, so that nothing but the order of the steps, the ids and
the preconditions keeps an action from being done twice.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from testbed import AuditRecord, ControlPlane
from testbed.operator import NAMESPACE, RUNNER
from testbed.team import Json, Team, is_

_RECORD = "servicesop.io/record"
_POLL_SECONDS = 0.1


class Service(ABC):
    """The Deployment `api` and the ServiceSOP `sop`."""

    procedure: str
    """The one that tells that the service is not well."""
    finding: str
    """What its check finds then, as rows name it."""
    act: Json
    """What the operator is to do then."""
    patience = 25.0
    """Seconds in which anything that is waited for has to happen."""

    def __init__(self, control_plane: ControlPlane, team: Team) -> None:
        self.team = team
        self._audit = control_plane.audit()
        self._api = control_plane.api
        self._mark = 0

    @property
    def namespace(self) -> str:
        return self.team.namespace

    @abstractmethod
    def mark(self) -> None:
        """Count effects from now on."""

    @abstractmethod
    def fail(self) -> None:
        """Fall ill."""

    @abstractmethod
    def restore(self) -> None:
        """Be well again, whatever has been done about it."""

    @abstractmethod
    def heal(self) -> None:
        """Do what the service does by itself, such as getting well when its pods are new."""

    @abstractmethod
    def effects(self) -> int:
        """Count what the operator has changed, since the mark."""

    @abstractmethod
    def assert_one_effect(self) -> None:
        """Exactly one change, and nothing but what it was meant for."""

    @abstractmethod
    def _check(self) -> Json:
        """Give the SOP's check, without its name."""

    def _connections(self) -> list[Json]:
        """Give the SOP's connections."""
        return []

    def wait(self, true: Callable[[], object], what: str) -> None:
        """Poll, with the service healing meanwhile; AssertionError with the SOP at last."""
        deadline = time.monotonic() + self.patience
        while not true():
            if time.monotonic() > deadline:
                seen = json.dumps({"sop": self.sop(), "records": self.records()}, indent=1)
                raise AssertionError(f"{what}: not within {self.patience:g} s\n{seen}")
            self.heal()
            time.sleep(_POLL_SECONDS)

    # What the operator has done, from the audit log and the objects.

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
            and is_(status, self.procedure, "False")
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
        check = self.finding.partition("/")[0]
        row = {
            **self.act,
            "settle": "0s",
            "verify": {"checks": [check], "within": "20s"},
            "cooldown": "1s",
            "attempts": {"max": 10},
            "atMost": {"max": 20},
            **remediate,
        }
        rows = [
            {"name": "heal", "when": {"anyFailed": [self.finding]}, "remediate": row},
            {"name": "rest", "otherwise": True, "escalate": {"to": ["owners"]}},
        ]
        return {
            "title": "Service",
            "mode": "Enforce",
            "every": "1s",
            "reopenWithin": "1s",
            "targets": [{"name": "api", "ref": {"kind": "Deployment", "name": "api"}}],
            "connections": self._connections(),
            "teams": [{"name": "owners", "title": "Owners"}],
            "checks": [{"name": check, "recoverFor": "0s", **self._check()}],
            "procedures": [{"name": self.procedure, "checks": [check], "handle": rows}],
        }

    # The parts.

    def _deployment(self) -> Json:
        return self._get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/api")

    def _pods(self) -> dict[str, str]:
        """Give the uids of the pods that are to stay, by name."""
        items = self._get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return {
            one["metadata"]["name"]: one["metadata"]["uid"]
            for one in items
            if "deletionTimestamp" not in one["metadata"]
        }

    def _get(self, path: str) -> Json:
        answer: Json = self._api.request("GET", path)
        return answer
