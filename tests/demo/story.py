"""The four steps of the demo. Each waits for what must come true, and fails at a deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from demo.evidence import Evidence, describe
from demo.scene import Scene
from demo.terminal import Terminal
from standins.fleet_manager import WORKERS
from testbed import KubectlError, ServerError

_POLL_SECONDS = 0.3
_LOG_TAIL_LINES = 8

Fault = Literal["leader", "database"]


class NotTrueError(Exception):
    """Something did not come true; the message says what, after how long, and what was seen."""


class StepFailedError(Exception):
    """A step of the story did not come true."""

    def __init__(self, step: int, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass(frozen=True, slots=True)
class Plan:
    """How this telling differs from the usual one."""

    operator: bool
    mode: str
    fault: Fault


class Story:
    """Tells the story on a scene that stands, and proves each sentence of it."""

    def __init__(self, scene: Scene, terminal: Terminal, plan: Plan) -> None:
        self._scene = scene
        self._terminal = terminal
        self._plan = plan
        audit = scene.control_plane.audit()
        self._evidence = Evidence(audit, scene.service.namespace, audit.mark())
        self._first_pods = set(scene.service.pod_uids().values())
        self._mark = time.monotonic()

    def tell(self) -> None:
        """Raise StepFailedError for the first step that does not come true."""
        steps = (
            ("All is well", self._all_is_well),
            ("The cluster worker loses its leader", self._leader_lost),
            ("OCM refuses to create clusters", self._ocm_refuses),
            ("The database goes away", self._database_away),
        )
        for number, (title, step) in enumerate(steps, 1):
            self._terminal.step(number, title)
            self._mark = time.monotonic()
            try:
                step()
            except (NotTrueError, KubectlError, ServerError) as error:
                raise StepFailedError(number, f"step {number} ({title}): {error}") from None

    def untouched(self) -> bool:
        """Whether nobody has changed the service's workload or pods."""
        return not self._evidence.touches() and self._pods_kept() == len(self._first_pods)

    def tally(self) -> str:
        """Say what has been done to the service, from the audit log and the pods themselves."""
        return (
            f"{self._restarts()} restarts in the API server's audit log;"
            f" {self._pods_kept()} of {len(self._first_pods)} pods are the same as at the start"
        )

    def show_end(self) -> None:
        """Show what may tell why a step failed."""
        self._show()
        operator = self._scene.operator
        lines = operator.process.log_text().splitlines()[-_LOG_TAIL_LINES:] if operator else []
        if lines:
            self._terminal.block("The end of the operator's log:", "\n".join(lines))

    # ---- the steps

    def _all_is_well(self) -> None:
        self._until(
            f"the service has a leader for each of its {len(WORKERS)} workers", self._all_led, 15
        )
        if not self._plan.operator:
            self._terminal.note("The operator is not started (--without-operator): nobody looks.")
            return
        self._until("the SOP says Healthy: True", lambda: self._condition("Healthy", "True"), 30)
        self._show()

    def _leader_lost(self) -> None:
        scene = self._scene
        if self._plan.fault == "database":
            self._terminal.note("Instead of that the database is stopped (--fault database).")
            scene.postgres.shutdown("fast")
        else:
            self._terminal.note(
                "The replicas block each other: nobody renews the lease, and nobody takes it while"
                " one of today's pods is there."
            )
            scene.service.lose_leader("cluster")
            self._until(
                "the lease has run out",
                lambda: "cluster" not in scene.service.leaders(),
                15,
            )
        self._until("the SOP says Healthy: False", lambda: self._condition("Healthy", "False"), 20)
        self._show()
        self._until("the operator restarts the Deployment", lambda: self._restarts() > 0, 20)
        self._terminal.block(
            "The API server's audit log on that:", describe(self._evidence.touches()[0])
        )
        self._until("all pods are new, the worker is led again", self._replaced_and_led, 40)
        self._until("the action is proven: it helped", self._helped, 40)
        self._until("the SOP says Healthy: True", lambda: self._condition("Healthy", "True"), 20)
        self._show()
        self._check_restarts()

    def _ocm_refuses(self) -> None:
        service = self._scene.service
        service.refuse_clusters()
        cluster = service.request_cluster()
        before = service.pod_uids()
        self._terminal.note(
            "A new cluster sits in cluster_accepted, as it does without a leader. But the leader is"
            " there, and its log says that OCM refuses: a restart would only do harm."
        )
        self._until("the SOP says Healthy: False", lambda: self._condition("Healthy", "False"), 25)
        self._until(
            "it is escalated to ocm-support",
            lambda: self._escalated("RowEscalates", "ocm-support"),
            15,
        )
        self._show()
        self._say_why()
        self._check_restarts()
        self._check_pods(before)
        self._terminal.note("OCM accepts again.")
        service.accept_clusters()
        self._until(
            "the cluster is provisioned", lambda: service.cluster_status(cluster) == "ready", 15
        )
        self._until("the SOP is back to Healthy: True, nothing is escalated", self._calm, 40)

    def _database_away(self) -> None:
        before = self._scene.service.pod_uids()
        self._terminal.note(
            "PostgreSQL is stopped. The checks can no longer tell, which is neither healthy nor"
            " failed: nothing may be touched."
        )
        self._scene.postgres.shutdown("fast")
        self._until(
            "the SOP says Healthy: Unknown", lambda: self._condition("Healthy", "Unknown"), 20
        )
        self._until("after blindFor it says that it is blind", lambda: self._escalated("Blind"), 30)
        self._show()
        self._say_why()
        self._check_restarts()
        self._check_pods(before)
        self._terminal.note("PostgreSQL is back.")
        self._scene.postgres.start()
        self._until("the SOP is back to Healthy: True, nothing is escalated", self._calm, 40)
        self._show()
        self._check_restarts()

    # ---- what is asked

    def _all_led(self) -> bool:
        return self._scene.service.leaders().keys() == WORKERS.keys()

    def _condition(self, kind: str, status: str) -> bool:
        return self._find_condition(kind).get("status") == status

    def _calm(self) -> bool:
        return self._condition("Healthy", "True") and not self._condition("Escalated", "True")

    def _escalated(self, reason: str, team: str | None = None) -> bool:
        return self._condition("Escalated", "True") and any(
            escalation["reason"] == reason and (team is None or team in escalation["to"])
            for escalation in self._scene.status().get("escalations", ())
        )

    def _helped(self) -> bool:
        history = self._scene.status().get("history", ())
        return bool(history) and history[0]["outcome"] == "Helped"

    def _replaced_and_led(self) -> bool:
        service = self._scene.service
        pods = service.pod_uids().values()
        return (
            len(pods) == service.replicas
            and self._first_pods.isdisjoint(pods)
            and "cluster" in service.leaders()
        )

    def _restarts(self) -> int:
        return len(self._evidence.touches())

    def _pods_kept(self) -> int:
        return len(self._first_pods & set(self._scene.service.pod_uids().values()))

    def _check_restarts(self) -> None:
        count = self._restarts()
        if count != 1:
            raise NotTrueError(f"exactly 1 restart is expected, the audit log has {count}")
        self._done("exactly 1 restart so far, by the audit log")

    def _check_pods(self, before: dict[str, str]) -> None:
        if self._scene.service.pod_uids() != before:
            raise NotTrueError("pods were replaced, though no restart was called for")
        self._done("no pod was touched")

    # ---- waiting and showing

    def _until(self, what: str, probe: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not probe():
            self._check_operator()
            if time.monotonic() > deadline:
                raise NotTrueError(f"not within {seconds:g} s: {what}. {self._last_seen()}")
            time.sleep(_POLL_SECONDS)
        self._done(what)

    def _done(self, what: str) -> None:
        now = time.monotonic()
        self._terminal.came_true(what, now - self._mark)
        self._mark = now

    def _check_operator(self) -> None:
        operator = self._scene.operator
        if operator is not None and operator.process.poll() is not None:
            raise NotTrueError(f"the operator has ended with code {operator.process.poll()}")

    def _last_seen(self) -> str:
        healthy = self._find_condition("Healthy")
        if not healthy:
            return "The SOP has no condition Healthy."
        doing = self._scene.status().get("doing") or "nothing"
        return f"Last seen: Healthy: {healthy['status']} ({healthy['reason']}), doing: {doing}."

    def _find_condition(self, kind: str) -> dict[str, Any]:
        for condition in self._scene.status().get("conditions", ()):
            if condition["type"] == kind:
                found: dict[str, Any] = condition
                return found
        return {}

    def _say_why(self) -> None:
        condition = self._find_condition("Escalated")
        self._terminal.block(
            "Its condition Escalated says:", f"{condition['reason']}: {condition['message']}"
        )

    def _show(self) -> None:
        self._terminal.block("$ kubectl get servicesops", self._scene.kubectl("get", "servicesops"))
