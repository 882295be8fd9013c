"""Reads one Secret by name, as the namespace's runner; never a list, never kept."""

import base64
import binascii
from collections.abc import Mapping

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient


class Secrets:
    """Reads Secrets. Raise SourceError, with a message that names the Secret and no content."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    def of(self, namespace: str) -> "NamespaceSecrets":
        """Give the Secrets of one namespace, read as its runner."""
        return NamespaceSecrets(self, namespace)

    async def get(self, namespace: str, name: str) -> Json | None:
        """Give a Secret as the API server does, or None where there is none of that name."""
        runner = self._client.as_runner(namespace)
        try:
            secret = await runner.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except ApiUnreachable:
            raise SourceError(
                UnknownReason.API_UNAVAILABLE, "the API server does not answer; asked again"
            ) from None
        except ApiError as refused:
            if refused.status == 404:
                return None
            raise await self._unable(namespace, name, refused.status) from None
        if not isinstance(secret.get("metadata"), dict):
            raise _bad_answer(name)
        return secret

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Give the data of a Secret of a connection."""
        secret = await self.get(namespace, name)
        if secret is None:
            raise SourceError(
                UnknownReason.SECRET_NOT_FOUND,
                f"there is no Secret {name} in this namespace; create it, or correct"
                " spec.connections",
            )
        try:
            return {
                key: base64.b64decode(value, validate=True)
                for key, value in (secret.get("data") or {}).items()
            }
        except (binascii.Error, TypeError, ValueError):
            raise _bad_answer(name) from None

    async def _unable(self, namespace: str, name: str, status: int) -> SourceError:
        if status in (401, 403):
            return await self._client.refusal(namespace, f"get Secret {name}")
        return SourceError(
            UnknownReason.API_UNAVAILABLE, "the API server refuses to answer now; asked again"
        )


class NamespaceSecrets:
    """The Secrets of one namespace, asked anew each time."""

    def __init__(self, secrets: Secrets, namespace: str) -> None:
        self._secrets = secrets
        self._namespace = namespace

    async def get(self, name: str) -> Json | None:
        """Give a Secret, or None where there is none of that name. Raise SourceError."""
        return await self._secrets.get(self._namespace, name)


def _bad_answer(name: str) -> SourceError:
    return SourceError(UnknownReason.BAD_ANSWER, f"Secret {name} is not in the expected form")
