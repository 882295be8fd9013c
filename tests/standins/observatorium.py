"""Observatorium as the fleet manager uses it: through the token refresher, with tokens of the SSO.

What is real: the Deployments, Secret and NetworkPolicy, the HTTP between the parts, and what they
export and log. What is ours: the programs, which do as the real ones were measured to. No network
enforces policies here: who is kept out by one gets no answer because the switch says so, too.
"""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from standins.fleet_manager.glog import format_line
from standins.issuer import Issuer
from standins.manifests import deploy
from standins.pods import say_waiting
from standins.refresher import Refresher
from standins.service import Service
from standins.web import Answered, Asked, Asker, NoAnswerError, WebServer
from testbed.monitoring import Exporter
from testbed.operator import wait_allowed
from testbed.team import Team

SECRET = "kas-fleet-manager-observatorium-configuration-red-hat-sso"
RULES = """
groups:
- name: token-refresher
  rules:
  - alert: KasFleetManagerTokenRefresherDown
    expr: absent(up{job="token-refresher"} == 1)
"""
_REFRESHER = "http://token-refresher"
_CLIENT = "kas-fleet-manager"
_TENANT = "/api/metrics/v1/managedkafka"
_TIMEOUT_SECONDS = 1.0


class Observatorium(Service):
    """All parts, in a team's namespace."""

    rules = RULES

    def __init__(self, team: Team) -> None:
        super().__init__(team)
        self.sso = Issuer("redhat-external")
        self.observatorium = WebServer(self._observatorium)
        # It knows no client of stage.
        self.production = WebServer(lambda _: Answered(403))
        self.jobs = {"kas-fleet-manager-metrics": Exporter(), "token-refresher": Exporter()}
        self.origins = {
            "https://observatorium-mst.api.stage.openshift.com": self.observatorium.url,
            "https://observatorium-mst.api.openshift.com": self.production.url,
            "https://sso.redhat.com": self.sso.web.url,
        }
        self.connections = (self.observatorium.address, self.sso.web.address)
        self._refresher = Refresher(Asker(self.origins, _TIMEOUT_SECONDS))
        self._asker = Asker({_REFRESHER: self._refresher.url}, _TIMEOUT_SECONDS)
        self._counts: dict[str, int] = {}
        self._store = True
        self._reachable = True

    def _begin(self, life: ExitStack) -> None:
        for server in (self.sso, self.observatorium, self.production):
            life.enter_context(server)
        life.callback(self._refresher.end)
        secret = self.sso.register(_CLIENT)
        self.team.secret(SECRET, grafana_clientId=_CLIENT, grafana_clientSecret=secret)
        deploy(self.team, Path(__file__).with_name("observatorium.yaml"))
        self.team.grant(secrets=(SECRET,))
        place = (self.team.control_plane, self.team.namespace)
        wait_allowed(*place, "list", "networkpolicies.networking.k8s.io")

    # ---- what happens to it

    def expire_client_secret(self) -> None:
        """Let the SSO give the client another secret: the one in the cluster is good no more."""
        self.sso.register(_CLIENT)

    def empty_client(self) -> None:
        """Empty the client in the Secret, and have the token refresher's pod start anew."""
        self.team.secret(SECRET, grafana_clientId="", grafana_clientSecret="none")
        self.team.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=token-refresher")

    def point_refresher_to_production(self) -> None:
        """Roll out a token refresher that has production's URL."""
        value = f"https://observatorium-mst.api.openshift.com{_TENANT}"
        self.team.kubectl("set", "env", "deployment/token-refresher", f"OBSERVATORIUM_URL={value}")

    def keep_out(self) -> None:
        """Let the NetworkPolicy admit pods of another name in the fleet manager's place."""
        peers = [{"podSelector": {"matchLabels": {"app": "kas-fleet-manager-2"}}}]
        patch = {"spec": {"ingress": [{"from": peers}]}}
        self.team.kubectl(
            *("patch", "networkpolicy", "token-refresher", "--type=merge"),
            *("-p", json.dumps(patch)),
        )
        self._reachable = False

    def lose_packets(self) -> None:
        """Let nothing through between the fleet manager and the token refresher."""
        self._reachable = False

    def crash_refresher(self) -> None:
        """Let the token refresher end right after each start."""
        [pod] = self.pods.of("token-refresher")
        say_waiting(self.team, pod.name, "CrashLoopBackOff")

    def break_store(self) -> None:
        """Take Observatorium's metrics away: queries that ask for some fail."""
        self._store = False

    # ---- what it does

    def _work(self) -> None:
        self._follow_refresher()
        code = self._request()
        self._counts[code] = self._counts.get(code, 0) + 1
        if code != "200":
            for pod in self.pods.of("kas-fleet-manager"):
                said = f"query of observatorium failed: {code}"
                pod.log.append(format_line("E", "metrics.go:31", said, datetime.now(UTC)))
        name = "kas_fleet_manager_observatorium_request_count"
        self.jobs["kas-fleet-manager-metrics"].text = "".join(
            f'{name}{{code="{code}",method="GET",path="/query_range"}} {count}\n'
            for code, count in self._counts.items()
        )

    def _follow_refresher(self) -> None:
        """Let the token refresher run where its pod does, as the pod is configured."""
        running = self.pods.of("token-refresher")
        exporter = self.jobs["token-refresher"]
        if not running:
            self._refresher.end()
            exporter.stop()
        elif self._refresher.runs_as != running[-1].uid:
            self._refresher.end()
            self._refresher.start(running[-1], self.team.read("v1", f"secrets/{SECRET}"))
            exporter.start()

    def _request(self) -> str:
        """Ask for what a user looks at, and give the code as the fleet manager counts it."""
        if not self._reachable:
            return "0"
        url = f"{_REFRESHER}/api/v1/query_range?query=kafka_topic_partitions"
        try:
            return str(self._asker.ask(url).code)
        except NoAnswerError:
            return "0"

    def _observatorium(self, asked: Asked) -> Answered:
        if not asked.target.startswith(f"{_TENANT}/api/v1/query"):
            return Answered(404)
        if not self.sso.admits(asked):
            return Answered(403)
        if not self._store and "vector" not in asked.target:
            return Answered(500, {"status": "error"})
        return Answered(200, {"status": "success", "data": {"resultType": "vector", "result": []}})
