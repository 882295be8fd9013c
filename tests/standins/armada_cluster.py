"""armada-cluster and the services beside it, whose pods get tokens of IAM by an API key.

What is real: the Deployments with their budgets, the HTTP to IAM, and the pods' logs. What is ours:
the programs, which log what the page quotes. Where the network of a pod is lost, its pod is cut off
here; its successor is not.
"""

import time
from contextlib import ExitStack
from math import inf
from pathlib import Path

from standins.manifests import deploy
from standins.pods import Pod
from standins.service import Service
from standins.web import Answered, Asked, Asker, NoAnswerError, WebServer
from testbed.team import Team

METERING = ("armada-cluster", "armada-billing")
"""Who gets tokens for metering."""
OTHERS = ("armada-api", "armada-provider-riaas", "armada-orchestrator")
"""Who gets other tokens by the same key."""
_REPLICAS = dict.fromkeys(OTHERS, 1) | {"armada-cluster": 3, "armada-billing": 2}
_IAM = "https://iam.cloud.ibm.com"
_KEY = "apikey=today"
_TIMEOUT_SECONDS = 1.0
_WORKERS_A_SECOND = 8
"""So many a pod meters; each of them logs by itself that there is no token."""
_FAILURE = "ErrorMeteringTokenExchangeFailure"


class ArmadaCluster(Service):
    """All parts, in a team's namespace."""

    def __init__(self, team: Team) -> None:
        super().__init__(team)
        self.iam = WebServer(self._exchange)
        self.culprit = ""
        """The one pod that is not as the others."""
        self._asker = Asker({_IAM: self.iam.url}, _TIMEOUT_SECONDS)
        self._key = _KEY
        self._worked = time.monotonic()
        self._reconnects = inf
        self._cut_off: frozenset[str] = frozenset()
        self._keyless: frozenset[str] = frozenset()

    def _begin(self, life: ExitStack) -> None:
        life.enter_context(self.iam)
        for name, replicas in _REPLICAS.items():
            self.team.deploy(name, replicas)
        deploy(self.team, Path(__file__).with_name("armada_cluster.yaml"))
        self.team.grant(evictions=True)

    # ---- what happens to it

    def rotate_key(self) -> None:
        """Let IAM know another API key: that of the services is good no more."""
        self._key = "apikey=tomorrow"

    def take_key_from_one_pod(self, app: str) -> None:
        """Let one pod hold a key that IAM does not know."""
        self._keyless = self._one_of(app)

    def cut_one_pod_off(self, app: str) -> None:
        """Take the network from one pod."""
        self._cut_off |= self._one_of(app)

    def cut_off(self) -> None:
        """Take the network from all pods that meter."""
        self._cut_off = frozenset(pod.uid for app in METERING for pod in self.pods.of(app))

    def cut_off_for(self, seconds: float) -> None:
        """Take the network from all pods, and give it back by and by."""
        self.cut_off()
        self._reconnects = time.monotonic() + seconds

    def take_budgets_away(self) -> None:
        """Let no PodDisruptionBudget say how many pods may go."""
        self.team.kubectl("delete", "poddisruptionbudgets", "--all")

    def evicted(self) -> tuple[str, ...]:
        """Say what is done where the one pod is evicted."""
        return (f"create pods/{self.culprit}/eviction: 201",)

    def _one_of(self, app: str) -> frozenset[str]:
        first = self.pods.of(app)[0]
        self.culprit = first.name
        return frozenset({first.uid})

    # ---- what it does

    def _work(self) -> None:
        now = time.monotonic()
        due = round((now - self._worked) * _WORKERS_A_SECOND)
        self._worked = now
        if now > self._reconnects:
            self._cut_off = frozenset()
        for app in METERING:
            for pod in self.pods.of(app):
                why = self._token(pod)
                for _ in range(due if why else 0):
                    pod.log.append(f"{_FAILURE}: Failed to prepare OpenShift license metering")
                    pod.log.append(f'Wrapped Errors: ["{why}"]')
        for app in OTHERS:
            for pod in self.pods.of(app):
                why = self._token(pod)
                if "(429)" in why:
                    pod.log.append('IAM answered "ApiKey based rate limit for calls to /token"')

    def _token(self, pod: Pod) -> str:
        """Get a token, and give why there is none; empty where there is one."""
        if pod.uid in self._cut_off:
            return "dial tcp: lookup iam.cloud.ibm.com: i/o timeout"
        key = "apikey=yesterday" if pod.uid in self._keyless else _KEY
        try:
            code = self._asker.ask(f"{_IAM}/identity/token", body=key).code
        except NoAnswerError as none:
            return str(none)
        return "" if code == 200 else f"The IAM token exchange request failed. ({code})"

    def _exchange(self, asked: Asked) -> Answered:
        return Answered(200 if asked.body == self._key else 401, {})
