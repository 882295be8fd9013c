"""Answers of Prometheus and Alertmanager that are binary, endless, huge, slow or malformed.

Each is an Error, within bounded memory and time; nothing of it is repeated.
"""

import asyncio
import gzip
import json
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from raw_http import Exchange, Script, answering, sending, serving, silent
from servicesop.api.checks.prometheus import Alert
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.prometheus.client import MAX_BODY, Endpoints, Monitoring
from servicesop.sources.prometheus.endpoints import Endpoint

MOST_BYTES = 64 * 1024 * 1024
SECONDS = 1.0
METRICS = Connection.model_validate({"name": "m", "prometheus": {"endpoint": "prometheus"}})
ALERTS = Connection.model_validate({"name": "a", "alertmanager": {"endpoint": "alertmanager"}})
ALERT = Alert.model_validate({"name": "Down", "onEmpty": "Passed"})

Ask = Callable[[Monitoring], Awaitable[object]]
ASKED: dict[str, Ask] = {
    "query": lambda known: known.prometheus(METRICS).query("up", SECONDS),
    "rules": lambda known: known.prometheus(METRICS).rules("Down", SECONDS),
    "alerts": lambda known: known.alertmanager(ALERTS).alerts(ALERT, SECONDS),
}


@asynccontextmanager
async def monitoring(script: Script) -> AsyncIterator[Monitoring]:
    async with serving(script) as server:
        endpoints = [
            Endpoint.model_validate(
                {"name": kind.lower(), "kind": kind, "url": server.url(), "namespaces": ["shop"]}
            )
            for kind in ("Prometheus", "Alertmanager")
        ]
        known = Endpoints(endpoints, DialGuard())
        try:
            yield known.of("shop")
        finally:
            await known.close()


async def why(ask: Ask, script: Script) -> SourceError:
    async with monitoring(script) as known:
        # Far more than it may take: a bound that does not hold must not hang the tests.
        async with asyncio.timeout(20 * SECONDS):
            with pytest.raises(SourceError) as caught:
                await ask(known)
    assert "canary" not in caught.value.message
    return caught.value


def data(result: Any, **other: Any) -> bytes:
    return json.dumps({"status": "success", "data": result} | other).encode()


def vector(*samples: Any) -> bytes:
    return data({"resultType": "vector", "result": list(samples)})


def sample(value: Any, **labels: Any) -> dict[str, Any]:
    return {"metric": labels, "value": [1, value]}


def rules(*of_group: Any) -> bytes:
    return data({"groups": [{"name": "g", "rules": list(of_group)}]})


def rule(**fields: Any) -> dict[str, Any]:
    return {"type": "alerting", "name": "Down", "health": "ok", "alerts": []} | fields


def managed(**fields: Any) -> bytes:
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    return json.dumps([{"labels": {"alertname": "Down"}, "status": status} | fields]).encode()


async def endless(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")


async def endless_head(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.send(b"X-Canary: " + b"y" * 4000 + b"\r\n")


async def dripping(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await exchange.send(b" ")
        await asyncio.sleep(0.02)  # a slow server, not a test that waits


ANY: dict[str, tuple[Script, UnknownReason]] = {
    "binary": (answering(200, os.urandom(5000)), UnknownReason.BAD_ANSWER),
    "binary instead of HTTP": (sending(os.urandom(5000)), UnknownReason.BAD_ANSWER),
    "nothing": (answering(200), UnknownReason.BAD_ANSWER),
    "HTML": (answering(200, b"<html>canary</html>"), UnknownReason.BAD_ANSWER),
    "not UTF-8": (answering(200, b'{"status":"\xff"}'), UnknownReason.BAD_ANSWER),
    "cut JSON": (answering(200, vector()[:-1]), UnknownReason.BAD_ANSWER),
    "two documents": (answering(200, vector() * 2), UnknownReason.BAD_ANSWER),
    "a number": (answering(200, b"1"), UnknownReason.BAD_ANSWER),
    "null": (answering(200, b"null"), UnknownReason.BAD_ANSWER),
    "a text": (answering(200, b'"canary"'), UnknownReason.BAD_ANSWER),
    "an empty object": (answering(200, b"{}"), UnknownReason.BAD_ANSWER),
    "a long number": (answering(200, b"1" * 500_000), UnknownReason.BAD_ANSWER),
    "deep lists": (answering(200, b"[" * 500_000), UnknownReason.BAD_ANSWER),
    "deep objects": (answering(200, b'{"a":' * 200_000), UnknownReason.BAD_ANSWER),
    "many lists": (answering(200, b"{%s}" % (b'"a":[],' * 140_000)), UnknownReason.BAD_ANSWER),
    "an error of its own": (
        answering(200, b'{"status":"error","error":"canary"}'),
        UnknownReason.BAD_ANSWER,
    ),
    "compressed, unasked": (
        answering(200, gzip.compress(b" " * 10**8), "Content-Encoding: gzip"),
        UnknownReason.BAD_ANSWER,
    ),
    "endless": (endless, UnknownReason.BAD_ANSWER),
    "endless head": (endless_head, UnknownReason.BAD_ANSWER),
    "one byte too long": (answering(200, b" " * (MAX_BODY + 1)), UnknownReason.BAD_ANSWER),
    "shorter than it says": (
        sending(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
        UnknownReason.UNREACHABLE,
    ),
    "closed at once": (sending(), UnknownReason.UNREACHABLE),
    "dripping": (dripping, UnknownReason.TIMED_OUT),
    "silent": (silent, UnknownReason.TIMED_OUT),
}
QUERY: dict[str, bytes] = {
    "no result": data({"resultType": "vector"}),
    "an unknown result type": data({"resultType": "canary", "result": []}),
    "a result type of a list": data({"resultType": [], "result": []}),
    "a vector that is an object": data({"resultType": "vector", "result": {}}),
    "a sample of nothing": vector(None),
    "a value that is a number": vector(sample(1)),
    "a value that is true": vector(sample(True)),
    "a value that is a word": vector(sample("canary")),
    "a value of blanks": vector(sample(" 1 ")),
    "a value in hexadecimal": vector(sample("0x10")),
    "a value with underscores": vector(sample("1_000")),
    "a value in other digits": vector(sample("\u0661\u0662")),
    "a value without end": vector(sample("9" * 900_000)),
    "a value with an endless exponent": vector(sample("1e999999999")),
    "a value of three": data({"resultType": "scalar", "result": [1, "1", "1"]}),
    "no labels": vector({"value": [1, "1"]}),
    "labels that are numbers": vector(sample("1", pod=7)),
    "a histogram": vector({"metric": {}, "histogram": [1, {"count": "1"}]}),
    "too many series": vector(*[sample("1")] * 1001),
}
RULES: dict[str, bytes] = {
    "no groups": data({}),
    "groups that are an object": data({"groups": {}}),
    "a group that is a text": data({"groups": ["canary"]}),
    "rules that are a text": data({"groups": [{"rules": "canary"}]}),
    "alerts that are an object": rules(rule(alerts={})),
    "an alert of no state": rules(rule(alerts=[{"labels": {}}])),
    "an alert of an unknown state": rules(rule(alerts=[{"labels": {}, "state": "canary"}])),
    "an alert without labels": rules(rule(alerts=[{"state": "firing"}])),
    "labels that are numbers": rules(rule(alerts=[{"state": "firing", "labels": {"a": 1}}])),
    "too many alerts": rules(rule(alerts=[{"state": "firing", "labels": {}}] * 1001)),
}
MANAGED: dict[str, bytes] = {
    "an object": b'{"labels":{}}',
    "an alert of nothing": b"[null]",
    "no status": managed(status=None),
    "an unknown state": managed(status={"state": "canary", "silencedBy": []}),
    "silences that are a text": managed(status={"state": "active", "silencedBy": "canary"}),
    "labels that are a list": managed(labels=[]),
    "labels that are numbers": managed(labels={"a": 1}),
    "too many alerts": b"[%s]" % b",".join([managed()[1:-1]] * 1001),
}


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("asked", ASKED)
async def test_whatever_is_answered_it_is_an_error_and_memory_is_bounded(
    name: str, asked: str
) -> None:
    script, reason = ANY[name]
    tracemalloc.start()
    try:
        failure = await why(ASKED[asked], script)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failure.reason is reason
    assert peak < MOST_BYTES


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        pytest.param(asked, body, id=f"{asked}: {name}")
        for asked, bodies in (("query", QUERY), ("rules", RULES), ("alerts", MANAGED))
        for name, body in bodies.items()
    ],
)
async def test_a_form_that_the_api_does_not_promise_is_an_error(asked: str, body: bytes) -> None:
    failure = await why(ASKED[asked], answering(200, body))
    assert failure.reason is UnknownReason.BAD_ANSWER


@pytest.mark.parametrize(
    "script",
    [
        # What is read of it would be a good answer.
        answering(200, vector() + b" " * MAX_BODY),
        answering(200, vector(), "Content-Encoding: br"),
        answering(203, vector()),
    ],
)
async def test_a_good_answer_with_more_behind_it_is_none(script: Script) -> None:
    assert (await why(ASKED["query"], script)).reason is UnknownReason.BAD_ANSWER


async def test_the_forms_that_the_api_promises_are_read() -> None:
    # What makes the tables above tests: the same builders, undamaged.
    for asked, body in (
        ("query", vector(sample("1", pod="a"), sample("NaN"), sample("+Inf"), sample("1e+06"))),
        ("rules", rules(rule(alerts=[{"labels": {"a": "b"}, "state": "firing"}]))),
        ("alerts", managed()),
    ):
        async with monitoring(answering(200, body)) as known:
            assert await ASKED[asked](known)
