"""The Telemeter server, with clusters that ask it for authorization, Tollbooth and Keycloak.

What is real: the StatefulSet, the HTTP between the parts, and what is exported and logged. What is
ours: the programs, which count and log as the real ones were measured to: what Keycloak and
Tollbooth answer is counted, connections that fail are not; the cluster gets a 500 for either.
"""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from standins.issuer import Issuer, NoTokenError, OAuthClient
from standins.manifests import deploy
from standins.pods import Pod, say, say_waiting
from standins.service import Service
from standins.web import Answered, Asked, Asker, NoAnswerError, WebServer
from testbed.monitoring import Exporter
from testbed.team import Team

_SERVER = "telemeter-server"
_TOLLBOOTH = "https://tollbooth.example.com"
_KEYCLOAK = "https://sso.example.com"
_REALM = "redhat-external"
_TIMEOUT_SECONDS = 1.0


class Telemeter(Service):
    """All parts, in a team's namespace."""

    def __init__(self, team: Team) -> None:
        super().__init__(team)
        self.keycloak = Issuer(_REALM)
        self.tollbooth = WebServer(self._tollbooth)
        self.jobs = {_SERVER: Exporter()}
        self._asker = Asker(
            {_TOLLBOOTH: self.tollbooth.url, _KEYCLOAK: self.keycloak.web.url}, _TIMEOUT_SECONDS
        )
        self._secret = self.keycloak.register(_SERVER)
        self._scraped = True
        self._sessions: dict[str, OAuthClient] = {}
        self._answers: Counter[tuple[str, int]] = Counter()
        self._codes: Counter[int] = Counter()

    def _begin(self, life: ExitStack) -> None:
        life.enter_context(self.keycloak)
        life.enter_context(self.tollbooth)
        deploy(self.team, Path(__file__).with_name("telemeter.yaml"))
        self.team.grant()

    # ---- what happens to it

    def expire_client_secret(self) -> None:
        """Let Keycloak give the client another secret: that of the servers is good no more."""
        self.keycloak.register(_SERVER)

    def lose_issuer_at_start(self) -> None:
        """Take Keycloak away and restart the servers: each ends right after its start."""
        self.keycloak.web.stop()
        self._say_waiting("CrashLoopBackOff")

    def lose_image(self) -> None:
        """Take the image away from the registry, and the pods from their nodes."""
        self._say_waiting("ImagePullBackOff")

    def hang(self) -> None:
        """Let every server hang: it answers neither clusters nor Prometheus nor its probe."""
        unready = [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]
        self._scraped = False
        for pod in self.pods.of(_SERVER):
            say(self.team, pod.name, conditions=unready)

    def keep_prometheus_out(self) -> None:
        """Let nobody reach the port of the metrics."""
        self._scraped = False

    def _say_waiting(self, reason: str) -> None:
        for pod in self.pods.of(_SERVER):
            say_waiting(self.team, pod.name, reason)

    # ---- what it does

    def _work(self) -> None:
        running = self.pods.of(_SERVER)
        for pod in running:
            self._codes[self._authorize(pod)] += 1
        exporter = self.jobs[_SERVER]
        if running and self._scraped:
            exporter.text = self._metrics()
            exporter.start()
        else:
            exporter.stop()

    def _authorize(self, pod: Pod) -> int:
        """Have one cluster authorized, and give the code that it gets."""
        session = self._sessions.get(pod.uid)
        if session is None:
            session = OAuthClient(
                self._asker,
                f"{_KEYCLOAK}/auth/realms/{_REALM}",
                _SERVER,
                self._secret,
                lambda code: self._answers.update([("oauth", code)]),
            )
            self._sessions[pod.uid] = session
        url = f"{_TOLLBOOTH}/v1"
        try:
            code = self._asker.ask(url, session.headers()).code
        except (NoTokenError, NoAnswerError) as why:
            post = str(why).replace('"', r"\"")
            pod.log.append(
                "level=warn component=authorize/jwt cluster=c1"
                rf' msg="unable to authorize request" err="Post \"{url}\": {post}" uid=7'
            )
            return 500
        self._answers["authorize", code] += 1
        return 500 if code >= 500 else code

    def _tollbooth(self, asked: Asked) -> Answered:
        return Answered(200 if self.keycloak.admits(asked) else 401, {})

    def _metrics(self) -> str:
        name, labels = "client_api_requests_total", 'method="POST"'
        lines = [
            f'{name}{{client="{client}",code="{code}",{labels}}} {count}'
            for (client, code), count in self._answers.items()
        ]
        lines += [
            f'http_requests_total{{handler="authorize",code="{code}",{labels}}} {count}'
            for code, count in self._codes.items()
        ]
        return "".join(f"{line}\n" for line in lines)
