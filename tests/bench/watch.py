"""A second client: sees the SOPs' statuses as everybody else does, and notes when."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from testbed import ControlPlane
from testbed.lifetime import Lifetime
from testbed.team import is_

_PATH = "/apis/servicesop.io/v1alpha1/servicesops?watch=true&timeoutSeconds=7200"
_POLL_SECONDS = 0.02


class StatusWatch(Lifetime):
    """Watches all SOPs while the context is open. Times are monotonic seconds."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._url = urlsplit(control_plane.url)
        self._tls = ssl.create_default_context(cafile=control_plane.certificate_authority)
        config = json.loads(control_plane.kubeconfig.read_text())
        self._token = config["users"][0]["user"]["token"]
        self.healthy: dict[tuple[str, str], float] = {}
        """When an SOP was first seen healthy."""
        self.not_passed: dict[tuple[str, str, str], float] = {}
        """When a check of a healthy SOP was first seen in another state than Passed."""

    def _live(self, life: contextlib.ExitStack) -> None:
        self._connection = http.client.HTTPSConnection(
            str(self._url.hostname), self._url.port, context=self._tls
        )
        self._connection.request("GET", _PATH, headers={"Authorization": f"Bearer {self._token}"})
        answer = self._connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the watch is refused: {answer.status}")
        self._thread = threading.Thread(target=self._follow, args=(answer,), daemon=True)
        self._thread.start()
        life.callback(self._end)

    def _end(self) -> None:
        # It waits in a read.
        self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()

    def wait(self, true: Callable[[Self], bool], seconds: float) -> bool:
        """Poll until something has been seen; False if it has not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not true(self):
            if time.monotonic() > deadline or not self._thread.is_alive():
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def _follow(self, answer: http.client.HTTPResponse) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while line := answer.readline():
                now = time.monotonic()
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._note(event["object"], now)

    def _note(self, sop: dict[str, Any], now: float) -> None:
        key = (sop["metadata"]["namespace"], sop["metadata"]["name"])
        status = sop.get("status", {})
        if is_(status, "Healthy", "True"):
            self.healthy.setdefault(key, now)
        elif key in self.healthy:
            for check in status.get("checks", ()):
                if check["state"] != "Passed":
                    self.not_passed.setdefault((*key, check["name"]), now)
