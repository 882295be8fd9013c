"""Reads one Secret or ConfigMap by name, as the namespace's runner; never a list, never kept."""

import base64
import binascii
from collections.abc import Mapping

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient


class _Named:
    """Reads objects of one kind. Raise SourceError, whose message names the object, no content."""

    def __init__(self, client: KubeClient, kind: str, missing: UnknownReason) -> None:
        self._client = client
        self._kind = kind
        self._resource = f"{kind.lower()}s"
        self._missing = missing

    async def _object(self, namespace: str, name: str) -> Json:
        runner = self._client.as_runner(namespace)
        try:
            return await runner.get(f"/api/v1/namespaces/{namespace}/{self._resource}/{name}")
        except ApiUnreachable:
            raise SourceError(
                UnknownReason.API_UNAVAILABLE, "the API server does not answer; asked again"
            ) from None
        except ApiError as refused:
            raise await self._unable(namespace, name, refused.status) from None

    async def _unable(self, namespace: str, name: str, status: int) -> SourceError:
        if status == 404:
            return SourceError(
                self._missing,
                f"there is no {self._kind} {name} in this namespace; create it, or correct its name"
                " in the SOP",
            )
        if status in (401, 403):
            return await self._client.refusal(namespace, f"get {self._kind} {name}")
        return SourceError(
            UnknownReason.API_UNAVAILABLE, "the API server refuses to answer now; asked again"
        )

    def _malformed(self, name: str) -> SourceError:
        return SourceError(
            UnknownReason.BAD_ANSWER, f"{self._kind} {name} is not in the expected form"
        )


class Secrets(_Named):
    """Reads Secrets."""

    def __init__(self, client: KubeClient) -> None:
        super().__init__(client, "Secret", UnknownReason.SECRET_NOT_FOUND)

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Give the data of a Secret. Raise SourceError."""
        secret = await self._object(namespace, name)
        try:
            return {
                key: base64.b64decode(value, validate=True)
                for key, value in (secret.get("data") or {}).items()
            }
        except (binascii.Error, AttributeError, TypeError, ValueError):
            raise self._malformed(name) from None


class ConfigMaps(_Named):
    """Reads ConfigMaps."""

    def __init__(self, client: KubeClient) -> None:
        super().__init__(client, "ConfigMap", UnknownReason.CONFIG_MAP_NOT_FOUND)

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Give the texts of a ConfigMap. Raise SourceError."""
        found = await self._object(namespace, name)
        try:
            return {key: value.encode() for key, value in (found.get("data") or {}).items()}
        except (AttributeError, UnicodeError):
            raise self._malformed(name) from None
