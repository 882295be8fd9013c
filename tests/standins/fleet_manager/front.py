"""The service as others see it: its API, its users' requests, and the metrics of both."""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from aiohttp import web

from standins.fleet_manager.faults import Cause
from standins.fleet_manager.kinds import Kind
from standins.fleet_manager.replica import Replica
from standins.fleet_manager.settings import Settings

_HOST = "127.0.0.1"
_PAUSE_SECONDS = 0.1
_BUCKETS = ("0.1", "1", "2", "5", "10", "30", "+Inf")
_QUICK, _SLOW = 0.02, 3.0
Answer = Callable[[web.Request], Awaitable[web.Response]]
_REQUESTS = "kafka_handler.go:71"


class Front:
    """Serves the API while there are replicas, and counts what users get; use as a context manager.

    Users ask for their Kafkas and for new ones, ten times a second each.
    """

    def __init__(
        self,
        kind: Kind,
        settings: Settings,
        replicas: Callable[[], list[Replica]],
        causes: Callable[[], frozenset[Cause]],
    ) -> None:
        self._kind = kind
        self._ports = settings.ports
        self._certificate = Path(settings.certificate)
        self._replicas = replicas
        self._causes = causes
        self._users = Counter[str]()
        """What the router has answered, by class of code."""
        self._answers = Counter[tuple[int, str]]()
        """What the API has answered, by code and bucket of its time."""
        self._runners: list[web.AppRunner] = []
        self._api: web.AppRunner | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certified = 0

    async def __aenter__(self) -> Self:
        for name, text in (("metrics", self._metrics), ("router", self._router_metrics)):
            self._runners.append(await _serve("/metrics", _page(text), self._ports[name]))
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in (*self._runners, *([self._api] if self._api else [])):
            await runner.cleanup()

    async def run(self) -> None:
        while True:
            self._renew_certificate()
            await self._listen()
            for method in ("GET", "POST"):
                self._ask(method)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self) -> None:
        """Listen if, and only if, the Service has a pod to lead to."""
        if self._replicas() and self._api is None:
            self._api = await _serve(
                self._kind.path, self._answer, self._ports["api"], self._context
            )
        elif not self._replicas() and self._api is not None:
            await self._api.cleanup()
            self._api = None

    def _renew_certificate(self) -> None:
        written = self._certificate.stat().st_mtime_ns
        if written != self._certified:
            self._context.load_cert_chain(self._certificate)
            self._certified = written

    async def _answer(self, request: web.Request) -> web.Response:
        """Answer as one of the pods does, which opens a transaction."""
        replicas = self._replicas()
        well = bool(replicas) and random.choice(replicas).has_database  # noqa: S311 - no secret
        return web.Response(status=200 if well else 500)

    def _ask(self, method: str) -> None:
        """Ask the service as a user."""
        replicas = self._replicas()
        if not replicas:
            self._users["5xx"] += 1
            return
        replica = random.choice(replicas)  # noqa: S311 - no secret
        causes = self._causes()
        code = 200
        if not replica.has_database:
            code = 500
        elif method == "POST" and Cause.ACCOUNTS_FAIL in causes:
            code = 500
            replica.log_error(_REQUESTS, "failed to look up the account: OCM answers 500")
        seconds = _SLOW if Cause.QUERIES_ARE_SLOW in causes else _QUICK
        self._users[f"{code // 100}xx"] += 1
        for bucket in _BUCKETS:
            self._answers[code, bucket] += seconds <= float(bucket)

    def _metrics(self) -> str:
        labels = f'method="GET",path="{self._kind.path}/v1/kafkas"'
        lines = []
        for (code, bucket), count in sorted(self._answers.items()):
            end = f'{labels},code="{code}"'
            lines.append(f'api_inbound_request_duration_bucket{{{end},le="{bucket}"}} {count}')
            if bucket == "+Inf":
                lines.append(f"api_inbound_request_duration_count{{{end}}} {count}")
        return "\n".join([*lines, ""])

    def _router_metrics(self) -> str:
        name = f'haproxy_backend_http_responses_total{{route="{self._kind.name}"'
        return "".join(f'{name},code="{code}"}} {n}\n' for code, n in self._users.items())


def _page(text: Callable[[], str]) -> Answer:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=text())

    return page


async def _serve(
    path: str, answer: Answer, port: int, context: ssl.SSLContext | None = None
) -> web.AppRunner:
    app = web.Application()
    app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, _HOST, port, ssl_context=context).start()
    return runner
