"""Where the API server is and how to prove who we are: the only use of `kubernetes.aio`."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError

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
        namespace: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = configuration.host.rstrip("/")
        self.proxy = configuration.proxy
        """From the kubeconfig only; the environment's proxies are never used."""
        self.server_name = configuration.tls_server_name
        self.namespace = namespace
        """The namespace that the kubeconfig's context names; None where it names none."""
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
        if kubeconfig is None:
            return await cls._mounted()
        return await cls._of_files([kubeconfig], None)

    @classmethod
    async def of_person(cls, kubeconfig: Path | None, context: str | None) -> Self:
        """Find a person's kubeconfig as kubectl does: as given, $KUBECONFIG, ~/.kube/config.

        Where there is none, but a ServiceAccount is mounted, that one is used. Raise AccessError.
        """
        if kubeconfig is not None:
            return await cls._of_files([kubeconfig], context)
        named = [Path(path) for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
        files = named or [Path.home() / ".kube" / "config"]
        if not await asyncio.to_thread(lambda: any(path.is_file() for path in files)):
            if context is None and not named and os.environ.get("KUBERNETES_SERVICE_HOST"):
                return await cls._mounted()
            where = " or ".join(map(str, files))
            raise AccessError(f"there is no kubeconfig {where}; give one with --kubeconfig")
        return await cls._of_files(files, context)

    @classmethod
    async def _mounted(cls) -> Self:
        configuration = Configuration()
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

        return cls(configuration, refresh, await _tls_of(configuration))

    @classmethod
    async def _of_files(cls, files: Sequence[Path], context: str | None) -> Self:
        configuration = Configuration()
        found = [path for path in files if await asyncio.to_thread(path.is_file)]
        if not found:
            raise AccessError(f"there is no kubeconfig file {files[0]}")
        shown = os.pathsep.join(map(str, found))
        try:
            context = context or await asyncio.to_thread(_current_context, found)
            loader = await load_kube_config(
                shown, context=context, client_configuration=configuration, persist_config=False
            )
            namespace = (loader.current_context.get("context") or {}).get("namespace")
        except (
            ConfigException,
            OSError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            YAMLError,
        ):
            raise AccessError(
                f"the kubeconfig {shown} cannot be used: it needs "
                + (f'the context "{context}"' if context else "a current-context")
                + " with a cluster, and a user who can log in"
            ) from None

        async def refresh() -> None:
            await loader.load_and_set(configuration)

        tls = await _tls_of(configuration)
        return cls(configuration, refresh, tls, namespace=namespace or None)

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


def _current_context(files: Sequence[Path]) -> str | None:
    """Give the first one that is named, as kubectl does; the loader would take the last."""
    for path in files:
        content = yaml.safe_load(path.read_text("utf-8"))
        if isinstance(content, dict) and content.get("current-context"):
            return str(content["current-context"])
    return None


async def _tls_of(configuration: Configuration) -> ssl.SSLContext:
    try:
        return await asyncio.to_thread(_tls, configuration)
    except (OSError, ValueError):
        raise AccessError("the certificates of the API server cannot be read") from None


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
