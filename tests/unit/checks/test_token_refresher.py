"""A token refresher and what is behind it: checks that look elsewhere judge it wrongly.

The double does what was measured of the real one: its own probes are 200 whatever happens, its
counter of the issuer's answers leaves out those that never came, and its proxy answers 502 both
without a token and without the upstream, whose codes it otherwise passes through.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import pytest

from raw_http import Exchange, RawServer, answering, serving
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Sample, Verdict
from unit.checks.http_place import Place

TOKEN = json.dumps({"access_token": "t-1", "token_type": "Bearer", "expires_in": 60}).encode()
STATUS = frozenset({"Status"})
PASSED, FAILED, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.ERROR


@dataclass
class TokenRefresher:
    """The proxy, which has a token or gets one with each request, and its internal port."""

    issuer: str
    upstream: str
    asked: Counter[int] = field(default_factory=Counter)
    """client_api_requests_total{client="oauth"} by code: only what was answered."""
    served: Counter[int] = field(default_factory=Counter)
    """http_requests_total by code: what its users saw."""

    async def proxy(self, exchange: Exchange) -> None:
        code = await self._through(exchange.target)
        self.served[code] += 1
        await exchange.answer(code)

    async def internal(self, exchange: Exchange) -> None:
        await exchange.answer(200)

    async def _through(self, target: str) -> int:
        try:
            async with aiohttp.ClientSession() as session:
                async with session.post(self.issuer) as answer:
                    self.asked[answer.status] += 1
                    if answer.status != 200:
                        return 502
                async with session.get(self.upstream.rstrip("/") + target) as answer:
                    return answer.status
        except aiohttp.ClientError:
            return 502


@dataclass
class Scene:
    """The refresher, its issuer and its upstream, and the namespace whose checks ask them."""

    place: Place
    refresher: TokenRefresher
    proxy: RawServer
    internal: RawServer
    issuer: RawServer
    upstream: RawServer

    async def probe(self) -> Sample:
        """The naive check: what the refresher says of itself."""
        return await self.place.sample(url=self.internal.url("/ready"))

    async def through(self) -> Sample:
        """The check of what its users see."""
        service = {"name": "refresher", "port": self.proxy.port, "path": "/api/v1/labels"}
        return await self.place.sample(service=service)

    async def direct(self) -> Sample:
        """The check that does the refresher's own job."""
        oauth2 = {"tokenUrl": self.issuer.url(), "secretRef": {"name": "observatorium"}}
        return await self.place.sample(url=self.upstream.url("/api/v1/labels"), oauth2=oauth2)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(serving(answering(200, TOKEN)))
        upstream = await stack.enter_async_context(serving(answering(200)))
        refresher = TokenRefresher(issuer.url(), upstream.url())
        proxy = await stack.enter_async_context(serving(refresher.proxy))
        internal = await stack.enter_async_context(serving(refresher.internal))
        place = Place()
        place.allow(issuer.port, upstream.port, proxy.port, internal.port)
        place.secrets["observatorium"] = {"client-id": b"fleet", "client-secret": b"secret"}
        yield Scene(place, refresher, proxy, internal, issuer, upstream)
        await place.targets.close()


async def _down(exchange: Exchange) -> None:
    exchange.reset()


def refuses_connections(server: RawServer) -> None:
    """Let nobody listen where the server did, as after its process has ended."""
    assert server.listener is not None
    server.listener.close()


async def test_all_is_well_and_every_check_says_so(scene: Scene) -> None:
    samples = [await scene.probe(), await scene.through(), await scene.direct()]
    assert [sample.verdict for sample in samples] == [PASSED] * 3


async def test_its_probes_are_green_while_its_users_get_errors(scene: Scene) -> None:
    refuses_connections(scene.issuer)
    assert (await scene.probe()).verdict is PASSED
    through = await scene.through()
    assert (through.verdict, through.findings) == (FAILED, STATUS)
    assert through.evidence == ("code 502",)


async def test_its_counters_do_not_see_an_issuer_that_refuses_connections(scene: Scene) -> None:
    refuses_connections(scene.issuer)
    for _ in range(3):
        await scene.through()
    # The naive rule: errors among the issuer's answers. There were no answers.
    assert scene.refresher.asked == Counter()
    direct = await scene.direct()
    assert (direct.verdict, direct.reason) == (ERROR, UnknownReason.ISSUER_UNAVAILABLE)


async def test_a_rule_on_5xx_does_not_see_refused_credentials(scene: Scene) -> None:
    scene.issuer.script = answering(401, b'{"error": "invalid_client"}')
    assert (await scene.through()).evidence == ("code 502",)
    assert sum(count for code, count in scene.refresher.asked.items() if code >= 500) == 0
    direct = await scene.direct()
    assert (direct.verdict, direct.reason) == (ERROR, UnknownReason.CREDENTIALS_REFUSED)


async def test_a_502_has_three_causes_and_the_two_checks_tell_them_apart(scene: Scene) -> None:
    scene.upstream.script = _down
    upstream_down = (await scene.through(), await scene.direct())
    scene.upstream.script = answering(502)
    upstream_answers = (await scene.through(), await scene.direct())
    scene.issuer.script = answering(503)
    scene.upstream.script = answering(200)
    scene.place.targets._tokens._kept.clear()
    no_token = (await scene.through(), await scene.direct())

    # What its users see is the same each time.
    for through, _ in (upstream_down, upstream_answers, no_token):
        assert (through.findings, through.evidence) == (STATUS, ("code 502",))
    assert upstream_down[1].findings == {"Reset"}
    assert (upstream_answers[1].findings, upstream_answers[1].evidence) == (
        STATUS,
        ("code 502",),
    )
    assert (no_token[1].findings, no_token[1].reason) == (
        frozenset(),
        UnknownReason.ISSUER_UNAVAILABLE,
    )


@pytest.mark.parametrize("code", [403, 429, 503])
async def test_codes_of_the_upstream_pass_through_and_are_its_own(scene: Scene, code: int) -> None:
    scene.upstream.script = answering(code)
    for sample in (await scene.through(), await scene.direct()):
        assert (sample.findings, sample.evidence) == (STATUS, (f"code {code}",))


async def test_without_traffic_its_counters_say_nothing_and_the_check_makes_its_own(
    scene: Scene,
) -> None:
    refuses_connections(scene.issuer)
    # The naive rule: the share of errors among the requests. 0 of 0 is not too many.
    assert scene.refresher.served.total() == 0
    sample = await scene.through()
    assert (sample.verdict, sample.evidence) == (FAILED, ("code 502",))
    assert scene.refresher.served == Counter({502: 1})


async def test_an_issuer_that_does_not_answer_the_check_is_never_the_upstreams_fault(
    scene: Scene,
) -> None:
    assert (await scene.direct()).verdict is PASSED
    refuses_connections(scene.issuer)
    # The token is still good, and so is the upstream.
    assert (await scene.direct()).verdict is PASSED
    scene.place.targets._tokens._kept.clear()
    direct = await scene.direct()
    assert (direct.verdict, direct.findings) == (ERROR, frozenset())
