"""No connection is a finding only where NetworkPolicies are not what keeps the operator out."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from raw_http import answering, silent
from servicesop.api.reasons import UnknownReason
from servicesop.judge.admission import Admission
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from unit.checks.http_place import CANARY, Admit, Place, place_with

KEPT_OUT = Admission(True, "the operator is kept out by NetworkPolicy deny")
UNKNOWN = Admission(None, "it depends on labels")


def saying(admission: Admission) -> Admit:
    async def admit() -> Admission:
        return admission

    return admit


async def unable() -> Admission:
    raise SourceError(UnknownReason.ADMISSION_UNKNOWN, "the API server does not answer")


async def hanging() -> Admission:
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def refusing() -> AsyncIterator[tuple[Place, str]]:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    place = Place()
    place.allow(port)
    yield place, f"http://127.0.0.1:{port}/"
    await place.targets.close()


async def refused(admits: Admit, limit: str = "5s") -> Sample:
    async with refusing() as (place, url):
        place.admits = admits
        return await place.sample(limit, url=url)


async def test_who_is_kept_out_knows_nothing_of_the_server() -> None:
    sample = await refused(saying(KEPT_OUT))

    assert (sample.verdict, sample.reason) == (Verdict.ERROR, UnknownReason.NOT_ADMITTED)
    assert (sample.message, sample.findings) == (KEPT_OUT.words, frozenset())


@pytest.mark.parametrize(
    ("admits", "words"),
    [
        (saying(UNKNOWN), UNKNOWN.words),
        (unable, "the API server does not answer"),
        (hanging, "the API server does not answer in time"),
    ],
)
async def test_what_cannot_be_known_is_never_failed(admits: Admit, words: str) -> None:
    sample = await refused(admits, "1s")

    assert (sample.verdict, sample.reason) == (
        Verdict.INCONCLUSIVE,
        UnknownReason.ADMISSION_UNKNOWN,
    )
    assert sample.message == (
        "no connection to the server, and whether a NetworkPolicy keeps the operator out is not"
        f" known: {words}"
    )
    assert sample.evidence == ("code 0: no answer",)


async def test_a_connection_that_is_dropped_is_looked_into_within_the_checks_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async with refusing() as (place, url):
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
        timeout = await place.sample("1s", url=url)
        place.admits = saying(KEPT_OUT)
        kept_out = await place.sample("1s", url=url)

    assert timeout.verdict is Verdict.FAILED
    assert timeout.findings == {"Timeout"}
    assert kept_out.reason is UnknownReason.NOT_ADMITTED
    assert [url.host for url in place.admissions] == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize(
    ("admission", "reason"),
    [
        (KEPT_OUT, UnknownReason.NOT_ADMITTED),
        # That there is no way there says it all.
        (UNKNOWN, UnknownReason.UNREACHABLE),
    ],
)
async def test_no_route_may_be_a_policy_too(
    admission: Admission, reason: UnknownReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject(one: socket.socket, to: object) -> None:
        raise OSError(errno.EHOSTUNREACH, CANARY)

    async with refusing() as (place, url):
        place.admits = saying(admission)
        monkeypatch.setattr(socket.socket, "connect", reject)
        sample = await place.sample(url=url)

    assert (sample.verdict, sample.reason) == (Verdict.ERROR, reason)


async def test_who_was_connected_was_admitted_and_nothing_is_asked() -> None:
    async with place_with(silent, answering(503)) as (place, mute, ill):
        place.admits = saying(KEPT_OUT)
        timeout = await place.sample("1s", url=mute.url())
        status = await place.sample(url=ill.url())

    assert (timeout.findings, status.findings) == ({"Timeout"}, {"Status"})
    assert place.admissions == []


async def test_of_a_service_its_dns_name_and_port_are_looked_at() -> None:
    async with refusing() as (place, url):
        port = int(url.rpartition(":")[2].strip("/"))
        sample = await place.sample(service={"name": "refresher", "port": port})

    assert sample.findings == {"Refused"}
    assert [(url.host, url.port) for url in place.admissions] == [("refresher.shop.svc", port)]
