"""A second client of the API server, which sees what anybody would see, and when."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from testbed.control_plane import ControlPlane
from testbed.lifetime import Lifetime

Json = dict[str, Any]
SOPS = "/apis/servicesop.io/v1alpha1"


class Observer(Lifetime):
    """A watch on the objects of one list path, in a thread; use as a context manager.

    Moments are those of `time.monotonic`.
    """

    def __init__(self, control_plane: ControlPlane, path: str) -> None:
        self._path = path
        self._api = control_plane.api
        authority = control_plane.certificate_authority.read_text()
        self._token = _token(control_plane)
        self._address = urlsplit(control_plane.url)
        self._tls = ssl.create_default_context(cadata=authority)
        self._seen: list[tuple[float, Json]] = []
        self._news = threading.Condition()

    def _live(self, life: ExitStack) -> None:
        version = self._api.request("GET", self._path)["metadata"]["resourceVersion"]
        assert self._address.hostname is not None
        self._connection = http.client.HTTPSConnection(
            self._address.hostname, self._address.port, context=self._tls
        )
        self._connection.request(
            "GET",
            f"{self._path}?watch=true&resourceVersion={version}",
            headers={"Authorization": f"Bearer {self._token}"},
        )
        self._response = self._connection.getresponse()
        assert self._response.status == 200
        self._socket = self._connection.sock
        self._thread = threading.Thread(target=self._read, name="observer", daemon=True)
        self._thread.start()
        life.callback(self._end)

    def _end(self) -> None:
        # The thread sits in a read; only the end of the connection gets it out. The shutdown of a
        # TLS socket would take TLS off first, and the thread would read what is encrypted.
        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        self._thread.join(5)
        self._response.close()
        self._connection.close()

    def wait(self, true: Callable[[Json], object], name: str, seconds: float) -> float:
        """Give the moment at which an object was seen to be as wanted; raises TimeoutError.

        What was seen before the call counts too.
        """
        deadline = time.monotonic() + seconds
        position = 0
        with self._news:
            while True:
                for moment, item in self._seen[position:]:
                    if item["metadata"]["name"] == name and true(item):
                        return moment
                position = len(self._seen)
                if not self._news.wait(deadline - time.monotonic()) and (
                    time.monotonic() >= deadline
                ):
                    raise TimeoutError(f"{name} was not seen as wanted within {seconds:g} s")

    def seen(self, name: str) -> list[tuple[float, Json]]:
        """Give all that was seen of one object so far."""
        with self._news:
            return [one for one in self._seen if one[1]["metadata"]["name"] == name]

    def forget(self) -> None:
        """Let only what is seen from now on count."""
        with self._news:
            self._seen.clear()

    def _read(self) -> None:
        while True:
            try:
                line = self._response.readline()
            except (OSError, http.client.HTTPException, ValueError):
                return
            if not line:
                return
            moment = time.monotonic()
            event = json.loads(line)
            with self._news:
                self._seen.append((moment, event["object"]))
                self._news.notify_all()


def _token(control_plane: ControlPlane) -> str:
    config = json.loads(control_plane.kubeconfig.read_text())
    token: str = config["users"][0]["user"]["token"]
    return token
