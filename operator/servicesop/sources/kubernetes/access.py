"""Where the API server is and how to prove who we are: the only use of `kubernetes.aio`."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

REFRESH_SECONDS = 60.0
"""How old a token may get before its file or plugin is asked again; mounted tokens rotate."""

_log = logging.getLogger(__name__)


class AccessError(Exception):
    """There is no usable kubeconfig, and no ServiceAccount is mounted."""


class Access:
    """Address, TLS and credentials of one API server."""

    def __init__(
        self,
        configuration: Configuration,
        refresh: Callable[[], Awaitable[None]],
        tls: ssl.SSLContext,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = configuration.host.rstrip("/")
        self.proxy = configuration.proxy
        """From the kubeconfig only; the environment's proxies are never used."""
        self.server_name = configuration.tls_server_name
        self.tls = tls
        self._configuration = configuration
        self._refresh = refresh
        self._clock = clock
        self._lock = asyncio.Lock()
        self._fresh_until = clock() + REFRESH_SECONDS

    @classmethod
    async def load(cls, kubeconfig: Path | None) -> Self:
        """Read a kubeconfig, or the mounted ServiceAccount when none is given.

        Raise AccessError, with a sentence for the user, when that is not possible.
        """
        configuration = Configuration()
        if kubeconfig is not None:
            if not await asyncio.to_thread(kubeconfig.is_file):
                raise AccessError(f"there is no kubeconfig file {kubeconfig}")
            try:
                loader = await load_kube_config(
                    str(kubeconfig), client_configuration=configuration, persist_config=False
                )
            except (ConfigException, KeyError, TypeError, ValueError, AttributeError):
                raise AccessError(
                    f"the kubeconfig {kubeconfig} cannot be used: it needs a current-context"
                    " with a cluster and a user"
                ) from None

            async def refresh() -> None:
                await loader.load_and_set(configuration)
        else:
            try:
                await asyncio.to_thread(load_incluster_config, configuration)
            except ConfigException:
                raise AccessError(
                    "no ServiceAccount is mounted here: run inside a cluster, or give a kubeconfig"
                ) from None

            async def refresh() -> None:
                hook = configuration.refresh_api_key_hook
                if hook is not None:
                    await asyncio.to_thread(hook, configuration)

        try:
            tls = await asyncio.to_thread(_tls, configuration)
        except (OSError, ValueError):
            raise AccessError("the certificates of the API server cannot be read") from None
        return cls(configuration, refresh, tls)

    async def authorization(self) -> str | None:
        """Give the Authorization header, or None where a client certificate is all there is."""
        if self._clock() >= self._fresh_until:
            async with self._lock:
                if self._clock() >= self._fresh_until:
                    await self._renew()
        token = self._configuration.api_key.get("BearerToken")
        return token.strip() if token else None

    async def _renew(self) -> None:
        # Set first: a plugin that fails is asked again in a minute, not by each request.
        self._fresh_until = self._clock() + REFRESH_SECONDS
        try:
            await self._refresh()
        except (ConfigException, OSError, KeyError, TypeError, ValueError):
            # The old token may well be good still; if it is not, the API server says 401.
            _log.warning("The API server's credentials could not be read again; keeping the old.")


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data
    )
    # Python 3.13 insists on extensions that many clusters' own CAs lack; Go clients do not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
