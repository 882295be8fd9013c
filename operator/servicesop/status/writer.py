"""Writes a status by server-side apply, always with the resourceVersion it was read at.

Without it a stale writer would erase what another one remembered: the server takes the apply, and a
uid in the body protects nothing on /status.
"""

from servicesop.api.base import API_VERSION, GROUP, KIND, PLURAL, VERSION
from servicesop.api.status import Status
from servicesop.sources.kubernetes.client import ApiError, Json, KubeClient

FIELD_MANAGER = "servicesop"


class StaleCopy(Exception):  # noqa: N818 - an answer, not a failure
    """The SOP has changed since it was read; nothing was written."""


class Gone(Exception):  # noqa: N818 - an answer, not a failure
    """The SOP does not exist any more."""


def path_of(namespace: str, name: str) -> str:
    """Give the path of an SOP."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"


class StatusWriter:
    """Writes statuses. Raise StaleCopy, Gone, ApiError or ApiUnreachable."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def write(self, namespace: str, name: str, resource_version: str, status: Status) -> str:
        """Replace the status; give the new resourceVersion."""
        body: Json = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "resourceVersion": resource_version,
            },
            "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            answer = await self._client.apply(
                f"{path_of(namespace, name)}/status", body, FIELD_MANAGER
            )
        except ApiError as error:
            if error.status == 409:
                raise StaleCopy from None
            if error.status == 404:
                raise Gone from None
            raise
        return str(answer["metadata"]["resourceVersion"])

    async def read(self, namespace: str, name: str) -> Json:
        """Read the live SOP. Raise Gone where it does not exist."""
        try:
            return await self._client.get(path_of(namespace, name))
        except ApiError as error:
            if error.status == 404:
                raise Gone from None
            raise
