"""The cluster as the stand-in sees it: the service's pods, and the place of their logs."""

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from standins.fleet_manager.kubeconfig import Credentials
from testbed.pod_log import PodLog

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of the service."""

    uid: str
    name: str
    running: bool
    """Its containers run and nobody has asked it to end."""


class Pods:
    """Lists the pods of one label in one namespace, and gives them logs."""

    def __init__(
        self, credentials: Credentials, namespace: str, selector: str, container: str, logs: Path
    ) -> None:
        self._credentials = credentials
        self._namespace = namespace
        self._selector = selector
        self._container = container
        self._logs = logs

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=self._credentials.certificate_authority)
        self._session = aiohttp.ClientSession(
            self._credentials.server,
            headers={
                "Authorization": f"Bearer {self._credentials.token}",
                "User-Agent": "testbed-fleet-manager",
            },
            connector=aiohttp.TCPConnector(ssl=context),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            raise_for_status=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def list(self) -> list[Pod]:
        """Return the pods; raises aiohttp.ClientError or TimeoutError."""
        async with self._session.get(
            f"/api/v1/namespaces/{self._namespace}/pods", params={"labelSelector": self._selector}
        ) as response:
            return [_pod(item) for item in (await response.json())["items"]]

    async def open_log(self, pod: Pod) -> PodLog:
        """Give a pod an empty log, served like a kubelet's; the object goes when the pod goes."""
        log = PodLog(Path(tempfile.mkdtemp(prefix=f"{pod.name}-", dir=self._logs)))
        owner = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
        body = {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "Logs",
            "metadata": {
                "name": pod.name,
                "namespace": self._namespace,
                "ownerReferences": [owner],
            },
            "spec": {
                "logs": [
                    {
                        "containers": [self._container],
                        "logsFile": str(log.current),
                        "previousLogsFile": str(log.previous),
                    }
                ]
            },
        }
        async with self._session.patch(
            f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{self._namespace}/logs/{pod.name}",
            params={"fieldManager": "testbed-fleet-manager", "force": "true"},
            json=body,
            headers={"Content-Type": "application/apply-patch+yaml"},
        ):
            return log


def _pod(item: dict[str, Any]) -> Pod:
    metadata = item["metadata"]
    return Pod(
        uid=metadata["uid"],
        name=metadata["name"],
        running="deletionTimestamp" not in metadata
        and any(
            "running" in status["state"] for status in item["status"].get("containerStatuses", ())
        ),
    )
