"""Asks the servers that `http` checks are about, with what their Secrets hold."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from servicesop.api.checks.http import Http, OAuth2
from servicesop.api.reasons import UnknownReason
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.http.client import Answer, HttpClient, Request
from servicesop.sources.http.parameters import Parameters
from servicesop.sources.http.tokens import Grant, Tokens
from servicesop.sources.http.trust import trust
from servicesop.sources.kubernetes.turns import Turns, TurnTable

ReadData = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Gives what an object holds, by namespace and name. Raises SourceError."""

MAX_CHECKS: Final = 256
"""Checks of this process that wait for an answer at the same time."""
MAX_CHECKS_PER_NAMESPACE: Final = 32
"""Of these, how many may be of one namespace: servers that hang delay only the checks there."""
_UNAUTHORIZED = 401


class HttpTargets:
    """The servers of all namespaces."""

    def __init__(self, guard: DialGuard, read_secret: ReadData, read_config_map: ReadData) -> None:
        self._client = HttpClient(guard)
        self._tokens = Tokens(self._client)
        self._read_secret = read_secret
        self._read_config_map = read_config_map
        self._turns = TurnTable(MAX_CHECKS, MAX_CHECKS_PER_NAMESPACE)

    def of(self, namespace: str) -> "NamespaceTargets":
        """Give what the checks of a namespace ask."""
        return NamespaceTargets(
            namespace,
            self._client,
            self._tokens,
            partial(self._read_secret, namespace),
            partial(self._read_config_map, namespace),
            self._turns.of(namespace),
        )

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.close()


class NamespaceTargets:
    """The servers of one namespace's checks."""

    def __init__(
        self,
        namespace: str,
        client: HttpClient,
        tokens: Tokens,
        secret: Callable[[str], Awaitable[Mapping[str, bytes]]],
        config_map: Callable[[str], Awaitable[Mapping[str, bytes]]],
        turns: Turns,
    ) -> None:
        self._namespace = namespace
        self._client = client
        self._tokens = tokens
        self._secret = secret
        self._config_map = config_map
        self.turns = turns

    async def ask(self, spec: Http, *, within: float) -> Answer:
        """Send the request of a check, after `within` seconds at most.

        At least half of that is left to the target: so a Timeout is its own. Raise HttpFailure when
        the target gives no answer, and SourceError when it was not asked.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + within
        half = deadline - within / 2
        parameters = Parameters(self._secret, self._config_map)
        headers = await parameters.headers(spec)
        ca = await parameters.authorities(spec.ca)
        grant = await self._grant(spec.oauth2, parameters)
        if now() > half:
            raise SourceError(
                UnknownReason.TIMED_OUT,
                "half of the check's timeout went by before its Secrets and ConfigMaps were read;"
                " the target was not asked",
            )
        if grant is not None:
            token = await self._tokens.token(grant, within=half - now())
            headers["Authorization"] = f"Bearer {token}"
        request = Request(spec.parts(self._namespace), headers=headers, tls=trust(ca))
        answer = await self._client.ask(request, within=deadline - now())
        if grant is not None and answer.status == _UNAUTHORIZED:
            # It may have been revoked; the next run asks with another one.
            self._tokens.forget(grant)
        return answer

    async def _grant(self, spec: OAuth2 | None, parameters: Parameters) -> Grant | None:
        if spec is None:
            return None
        return Grant(
            self._namespace,
            spec.token_url,
            await parameters.text(spec.secret_ref.name, spec.keys.id),
            await parameters.text(spec.secret_ref.name, spec.keys.secret),
            spec.scopes,
            spec.audience,
            await parameters.authorities(spec.ca),
        )
