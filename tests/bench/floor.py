"""What the checks' I/O costs at least: the same requests, and nothing else.

Connections are kept, but for those to the web server, which `http` checks open anew each time.

`floor.py PLAN` asks as often as the plan says, and prints how often it asked in the time that is
measured and how much CPU that took. The check `workload` does no I/O: nothing is done for it.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import uvloop
from psycopg import pq

_QUERY = (
    b'DECLARE c NO SCROLL CURSOR FOR SELECT "id"::text, "status"::text,'
    b' extract(epoch FROM now() - "updated_at")::float8, extract(epoch FROM now())::float8'
    b' FROM "work" WHERE "status"::text = ANY($1::text[]) AND "deleted_at" IS NULL'
    b' ORDER BY "updated_at", "id"'
)
_LIMITS = (
    b"SELECT set_config('statement_timeout', '4500', true), set_config('lock_timeout', '500ms',"
    b" true), set_config('idle_in_transaction_session_timeout', '5s', true)"
)
_OKAY = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Session:
    """One connection, asked by the read-only sequence of statements in one round trip."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.enter_pipeline_mode()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pgconn.socket, self._read)
        self._free = asyncio.Lock()

    async def ask(self, status: bytes) -> None:
        async with self._free:
            send, sync = self._pgconn.send_query_params, self._pgconn.pipeline_sync
            send(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", None)
            send(_LIMITS, None)
            send(_QUERY, [b"{%s}" % status])
            send(b"FETCH FORWARD 1001 FROM c", None)
            sync()
            send(b"ROLLBACK", None)
            sync()
            send(b"DISCARD ALL", None)
            sync()
            self._pgconn.flush()
            self._syncs = 3
            self._done = self._loop.create_future()
            await self._done

    def _read(self) -> None:
        self._pgconn.consume_input()
        ended = False
        while not self._pgconn.is_busy():
            answer = self._pgconn.get_result()
            if answer is None:
                if ended:
                    return
                ended = True
                continue
            ended = False
            if answer.status == pq.ExecStatus.PIPELINE_SYNC:
                self._syncs -= 1
                if not self._syncs:
                    self._done.set_result(None)
                    return
            elif answer.status not in _OKAY:
                sys.exit(f"PostgreSQL refuses a statement: {answer.status}")


async def main(plan: dict[str, Any]) -> None:
    """Ask, each at a time of its own in the period; measure from the second period on."""
    loop = asyncio.get_running_loop()
    every, seconds = plan["every"], plan["seconds"]
    asked = 0

    async def again_and_again(work: Callable[[], Awaitable[None]], at: float) -> None:
        nonlocal asked
        while True:
            await asyncio.sleep(at - loop.time())
            await work()
            asked += 1
            at += every

    def reading(log: dict[str, str]) -> Callable[[], Awaitable[None]]:
        path = f"/api/v1/namespaces/{log['namespace']}/pods/{log['pod']}/log"
        headers = {"Impersonate-User": log["user"]}
        since = datetime.now(UTC)

        async def read() -> None:
            nonlocal since
            query = f"?container={log['container']}&timestamps=true&sinceTime={since:%FT%TZ}"
            since = datetime.now(UTC)
            async with http.get(path + query, headers=headers) as answer:
                answer.raise_for_status()
                await answer.read()

        return read

    async def get(url: str) -> None:
        async with web.get(url) as answer:
            await answer.read()

    async def query(url: str) -> None:
        async with metrics.get(url) as answer:
            answer.raise_for_status()
            json.loads(await answer.read())

    async with (
        aiohttp.ClientSession(
            plan["url"],
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=plan["ca"])),
            headers={"Authorization": f"Bearer {plan['token']}"},
        ) as http,
        # A check of a server is about new connections too.
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as web,
        aiohttp.ClientSession() as metrics,
    ):
        work = [reading(log) for log in plan["logs"]]
        work += [partial(get, url) for url in plan["urls"]]
        work += [partial(query, url) for url in plan["queries"]]
        for statuses in plan["databases"]:
            session = Session(await psycopg.AsyncConnection.connect(**plan["dsn"]))
            work += [partial(session.ask, status.encode()) for status in statuses]
        start = loop.time()
        tasks = [
            asyncio.create_task(again_and_again(each, start + every * index / len(work)))
            for index, each in enumerate(work)
        ]
        await asyncio.wait(tasks, timeout=every, return_when=asyncio.FIRST_EXCEPTION)
        before, cpu = asked, time.process_time()
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        print(json.dumps({"cpu": time.process_time() - cpu, "asked": asked - before}), flush=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text())))
