"""A stand-in that is one process beside the test: it follows the pods of its service."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack

from standins.pods import Pods
from standins.process import Process
from testbed.lifetime import Lifetime
from testbed.monitoring import Exporter, Prometheus
from testbed.team import Team

_PAUSE_SECONDS = 0.4


class Service(Lifetime):
    """A service in a team's namespace. Use as a context manager."""

    origins: Mapping[str, str]
    connections: tuple[str, ...]
    jobs: Mapping[str, Exporter]
    rules = "groups: []"
    """What Prometheus evaluates, as a rule file has it."""
    prometheus: Prometheus | None = None
    """The one that scrapes it, while it does."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.pods = Pods(team)
        self.origins, self.connections, self.jobs = {}, (), {}

    def _live(self, life: ExitStack) -> None:
        for exporter in self.jobs.values():
            life.enter_context(exporter)
        self._begin(life)
        life.enter_context(Process("pods", self.pods.look, _PAUSE_SECONDS))
        life.enter_context(Process(type(self).__name__, self._work, _PAUSE_SECONDS))

    # ---- what can happen to each

    def take_logs_away(self) -> None:
        """Take the right to read logs from the runner."""
        self.team.kubectl("delete", "rolebinding", "servicesop-runner-observer")

    def end_prometheus(self) -> None:
        """Let Prometheus be gone."""
        assert self.prometheus is not None
        self.prometheus.stop()

    @abstractmethod
    def _begin(self, life: ExitStack) -> None:
        """Start its servers, make its objects, and give the runner its rights."""

    @abstractmethod
    def _work(self) -> None:
        """Do what its programs do several times a second."""
