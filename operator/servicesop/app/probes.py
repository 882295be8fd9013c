"""`/livez`, `/readyz` and `/metrics` over plain HTTP."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4


class ListenError(Exception):
    """The address cannot be listened on."""


async def serve(
    address: tuple[str, int],
    metrics: CollectorRegistry,
    *,
    live: Callable[[], bool],
    ready: Callable[[], bool],
) -> web.AppRunner:
    """Start serving; close by `cleanup()`. Raise ListenError when the port is taken."""

    async def livez(_: web.Request) -> web.Response:
        return _answer(live())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready())

    async def expose(_: web.Request) -> web.Response:
        # Rendering thousands of series takes a while; the checks must not wait for it.
        text = await asyncio.to_thread(generate_latest, metrics)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", expose)]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    host, port = address
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise ListenError from None
    return runner


def _answer(good: bool) -> web.Response:
    return web.Response(text="ok\n") if good else web.Response(text="not ok\n", status=503)
