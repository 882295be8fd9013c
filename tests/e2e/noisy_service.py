"""A service of two pods, one of which logs failures until it is replaced."""

import json

from e2e.pod_failures import log_failure
from e2e.service import Service
from testbed import AuditRecord, ControlPlane
from testbed.team import Json, Team

_BUDGET: Json = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "api"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "api"}}},
}


class NoisyService(Service):
    """The Deployment `api`, its PodDisruptionBudget, and the logs of its pods."""

    procedure = "Noisy"
    finding = "quiet/SinglePod"
    act: Json = {"deletePod": {"podFrom": "quiet"}}  # noqa: RUF012 - nobody changes it
    patience = 60.0

    def __init__(self, control_plane: ControlPlane, team: Team) -> None:
        super().__init__(control_plane, team)
        team.deploy(replicas=2)
        team.kubectl("apply", "-f", "-", input=json.dumps(_BUDGET))
        team.grant(evictions=True)
        self._bad: tuple[str, str] | None = None
        self.mark()

    def mark(self) -> None:
        """Count effects from now on."""
        self._mark = self._audit.mark()
        self._before = set(self._pods().values())
        self._bad = None

    def fail(self) -> None:
        """Let one of the pods log a failure."""
        self._bad = min(self._pods().items())
        log_failure(self.team, self._bad[0])

    def restore(self) -> None:
        """Take the pod away, if nobody has."""
        if self._bad is not None and self._bad[0] in self._pods():
            self.team.kubectl("delete", "pod", self._bad[0])

    def heal(self) -> None:
        """Nothing gets well but by a new pod."""

    def evictions(self) -> list[AuditRecord]:
        """Give the pods that were evicted or deleted by the runner, since the mark."""
        return [
            one
            for one in self._audit.mutations(by=self.runner, since=self._mark)
            if (one.resource, one.namespace) == ("pods", self.namespace) and one.code < 300
        ]

    def effects(self) -> int:
        """Count them."""
        return len(self.evictions())

    def assert_one_effect(self) -> None:
        """One eviction, of the pod that was bad; the other one is still there."""
        assert self._bad is not None
        [done] = self.evictions()
        assert (done.subresource, done.name) == ("eviction", self._bad[0])
        after = set(self._pods().values())
        assert len(after) == 2
        assert self._before - after == {self._bad[1]}

    def _check(self) -> Json:
        logs = {"pattern": "panic", "within": "10m", "max": 0, "per": "Pod"}
        return {"for": "0s", "logs": logs}
