"""Reads one Secret by name, as the namespace's runner; never a list, never kept."""

import base64
import binascii
from collections.abc import Mapping

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, KubeClient


class Secrets:
    """Reads Secrets. Raise SourceError, with a message that names the Secret and no content."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Give the data of a Secret."""
        runner = self._client.as_runner(namespace)
        try:
            secret = await runner.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except ApiUnreachable:
            raise SourceError(
                UnknownReason.API_UNAVAILABLE, "the API server does not answer; asked again"
            ) from None
        except ApiError as refused:
            raise await self._unable(namespace, name, refused.status) from None
        try:
            return {
                key: base64.b64decode(value, validate=True)
                for key, value in (secret.get("data") or {}).items()
            }
        except (binascii.Error, TypeError, ValueError):
            raise SourceError(
                UnknownReason.BAD_ANSWER, f"Secret {name} is not in the expected form"
            ) from None

    async def _unable(self, namespace: str, name: str, status: int) -> SourceError:
        if status == 404:
            return SourceError(
                UnknownReason.SECRET_NOT_FOUND,
                f"there is no Secret {name} in this namespace; create it, or correct"
                " spec.connections",
            )
        if status in (401, 403):
            return await self._client.refusal(namespace, f"get Secret {name}")
        return SourceError(
            UnknownReason.API_UNAVAILABLE, "the API server refuses to answer now; asked again"
        )
