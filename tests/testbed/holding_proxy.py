"""A proxy in front of the API server that holds one chosen request, before or after it counts."""

import asyncio
import contextlib
import json
import re
import ssl
from concurrent.futures import Future
from pathlib import Path

import aiohttp
import trustme
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from testbed.control_plane import ControlPlane
from testbed.lifetime import Lifetime
from testbed.loop_thread import LoopThread, stop_listening
from testbed.processes import PortTakenError, Run, free_port

_SECONDS = 30.0
_START_TRIES = 5
_MAX_BODY = 64 * 1024 * 1024
# They belong to one connection, and each side of the proxy has its own.
_OF_ONE_CONNECTION = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding"}
)


class Hold:
    """One request that is held: the first that matches, from when it was asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patterns: tuple[str, str, str]) -> None:
        self._loop = loop
        method, path, body = patterns
        self._method, self._path = re.compile(method), re.compile(path)
        self._body = re.compile(body, re.DOTALL)
        self._goes_on: asyncio.Future[bool] = loop.create_future()
        self._arrived: Future[None] = Future()
        self._answered: Future[int] = Future()

    @property
    def arrived(self) -> bool:
        """Whether the request is held, or was."""
        return self._arrived.done()

    def wait(self, seconds: float = _SECONDS) -> None:
        """Wait until the request is held; raises TimeoutError."""
        self._arrived.result(seconds)

    def drop(self) -> None:
        """Cut the client's connection; a request that was not forwarded never will be."""
        self._decide(goes_on=False)

    def let_through(self, seconds: float = _SECONDS) -> int:
        """Let the request, or its answer, go on; return the status of the server's answer.

        The server gets the request even when its client is not there any more.
        """
        self._decide(goes_on=True)
        return self._answered.result(seconds)

    def _decide(self, *, goes_on: bool) -> None:
        def decide() -> None:
            if not self._goes_on.done():
                self._goes_on.set_result(goes_on)

        self._loop.call_soon_threadsafe(decide)

    # What follows is for the proxy, on its loop.

    def takes(self, method: str, path: str, body: str) -> bool:
        """Tell whether a request is the one."""
        return bool(
            self._method.fullmatch(method) and self._path.search(path) and self._body.search(body)
        )

    async def arrive(self) -> bool:
        """Tell that the request is here, and wait; whether it may go on."""
        self._arrived.set_result(None)
        return await self._goes_on

    def answered(self, status: int) -> None:
        """Tell what the server has answered."""
        self._answered.set_result(status)


class HoldingProxy(Lifetime):
    """Terminates TLS on 127.0.0.1 and forwards everything as it is, streams included.

    It runs in a thread of the caller and ends with the context. The bodies of requests are read
    whole before they are forwarded: of a held request the server has not seen anything.
    """

    def __init__(self, run: Run, control_plane: ControlPlane) -> None:
        self._directory = run.subdirectory("holding-proxy")
        self._api_server = URL(control_plane.url)
        self._api_server_ca = control_plane.certificate_authority
        self._thread = LoopThread("holding-proxy")
        self._made: list[Hold] = []
        self._waiting: list[tuple[Hold, bool]] = []
        self._held: set[asyncio.Task[web.StreamResponse]] = set()

    def _live(self, life: contextlib.ExitStack) -> None:
        life.enter_context(self._thread).run(self._start())
        life.callback(lambda: self._thread.run(self._stop()))

    def kubeconfig(self, direct: Path) -> Path:
        """Return a copy of a testbed's kubeconfig that leads through the proxy (mode 0600)."""
        config = json.loads(direct.read_text())
        config["clusters"][0]["cluster"] = {
            "server": f"https://127.0.0.1:{self._port}",
            "certificate-authority": str(self._directory / "ca.pem"),
        }
        path = self._directory / direct.name
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def hold(self, method: str, path: str, body: str = "", *, committed: bool = False) -> Hold:
        """Hold the first request from now on that all three regular expressions match.

        `method` has to match in full, `path` (with its query) and `body` anywhere. The request is
        held before it is forwarded or, if `committed`, once the server has answered.
        """
        hold = Hold(self._thread.loop, (method, path, body))
        self._made.append(hold)
        self._thread.loop.call_soon_threadsafe(self._waiting.append, (hold, committed))
        return hold

    def release_all(self) -> None:
        """Drop what is held, and hold nothing any more."""
        self._thread.loop.call_soon_threadsafe(self._waiting.clear)
        for hold in self._made:
            hold.drop()
        self._made.clear()

    # ---- on the loop

    async def _start(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self._directory / "ca.pem"))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=ssl.create_default_context(cafile=str(self._api_server_ca))
            ),
            # Bytes go through as they are; how long anything may take is the client's affair.
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            read_bufsize=2**20,
        )
        application = web.Application(client_max_size=_MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # A watch must end at the server when its client has gone.
        self._runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        protocols = self._runner.server
        assert protocols is not None
        for attempt in range(_START_TRIES):
            self._port = free_port()
            try:
                self._server = await asyncio.get_running_loop().create_server(
                    protocols, "127.0.0.1", self._port, ssl=tls
                )
            except OSError as error:
                if attempt == _START_TRIES - 1:
                    raise PortTakenError("the proxy cannot bind its port") from error
            else:
                return

    async def _stop(self) -> None:
        for task in self._held:
            task.cancel()
        await asyncio.gather(*self._held, return_exceptions=True)
        await stop_listening(self._server)
        await self._runner.cleanup()
        await self._client.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        text = body.decode(errors="replace")
        taken = [
            one for one in self._waiting if one[0].takes(request.method, request.raw_path, text)
        ]
        if not taken:
            return await self._pass(request, body)
        hold, committed = taken[0]
        self._waiting.remove(taken[0])
        # A task of its own: what is held must outlive its client.
        task = asyncio.ensure_future(self._hold(request, body, hold, committed=committed))
        self._held.add(task)
        task.add_done_callback(self._held.discard)
        return await asyncio.shield(task)

    async def _pass(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async with self._forward(request, body) as answer:
            response = web.StreamResponse(
                status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
            )
            try:
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            except BaseException:
                # A TLS goodbye would still be under way when the loop ends.
                if answer.connection is not None and answer.connection.transport is not None:
                    answer.connection.transport.abort()
                raise
        await response.write_eof()
        return response

    async def _hold(
        self, request: web.Request, body: bytes, hold: Hold, *, committed: bool
    ) -> web.StreamResponse:
        if not committed and not await hold.arrive():
            return _cut(request)
        async with self._forward(request, body) as answer:
            content = await answer.read()
        hold.answered(answer.status)
        if committed and not await hold.arrive():
            return _cut(request)
        return web.Response(status=answer.status, headers=_end_to_end(answer.headers), body=content)

    def _forward(
        self, request: web.Request, body: bytes
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._client.request(
            request.method,
            self._api_server.join(URL(request.raw_path, encoded=True)),
            headers=_end_to_end(request.headers),
            data=body or None,
            allow_redirects=False,
        )


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Leave out what is said on one connection only."""
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION
    )


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)
