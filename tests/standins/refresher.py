"""The token refresher: a proxy that adds a token to each request."""

import base64
from datetime import UTC, datetime

from standins.issuer import NoTokenError, OAuthClient
from standins.pods import Pod
from standins.web import Answered, Asked, Asker, NoAnswerError, WebServer
from testbed.team import Json


class Refresher:
    """Runs as one pod at a time, with what that pod was started with."""

    def __init__(self, asker: Asker) -> None:
        self.runs_as = ""
        """The uid of its pod; empty while it does not run."""
        self._asker = asker
        self._web = WebServer(self._forward)

    @property
    def url(self) -> str:
        """Where its Service is."""
        return self._web.url

    def start(self, pod: Pod, secret: Json) -> None:
        """Run as this pod, with the values that its environment had at its start."""
        environment = {
            each["name"]: each.get("value") or _value(secret, each)
            for each in pod.manifest["spec"]["containers"][0]["env"]
        }
        self._log = pod.log
        self._upstream = environment["OBSERVATORIUM_URL"]
        self._oauth = OAuthClient(
            self._asker,
            environment["ISSUER_URL"],
            environment["CLIENT_ID"],
            environment["CLIENT_SECRET"],
        )
        self.runs_as = pod.uid
        self._web.__enter__()

    def end(self) -> None:
        """Be gone, where it runs."""
        self._web.stop()
        self.runs_as = ""

    def _forward(self, asked: Asked) -> Answered:
        try:
            headers = self._oauth.headers()
            return self._asker.ask(f"{self._upstream}{asked.target}", headers)
        except (NoTokenError, NoAnswerError) as why:
            self._log.append(f"{datetime.now(UTC):%Y/%m/%d %H:%M:%S} http: proxy error: {why}")
            return Answered(502)


def _value(secret: Json, variable: Json) -> str:
    key = variable["valueFrom"]["secretKeyRef"]["key"]
    return base64.b64decode(secret["data"][key]).decode()
