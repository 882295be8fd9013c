"""What the client does with servers that misbehave, on loopback."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from servicesop.sources.kubernetes.access import REFRESH_SECONDS, Access, AccessError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, KubeClient
from servicesop.sources.kubernetes.requests import MAX_WATCH_LINE

CANARY = "canary-7f3a"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers everything with one handler."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.requests: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        assert self.handler is not None
        return await self.handler(request)

    def answer(self, status: int, body: object) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            text = body if isinstance(body, str) else json.dumps(body)
            return web.Response(status=status, text=text, headers={"Location": "/elsewhere"})

        self.handler = handler

    def send(self, *chunks: bytes, then_hang: bool = False) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
            if then_hang:
                await asyncio.sleep(60)
            return response

        self.handler = handler


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def access(url: str, **options: object) -> Access:
    configuration = Configuration()
    configuration.host = url
    configuration.api_key["BearerToken"] = "Bearer token-1"

    async def refresh() -> None:
        configuration.api_key["BearerToken"] = "Bearer token-2"

    return Access(configuration, refresh, ssl.create_default_context(), **options)  # type: ignore[arg-type]  # only the clock


@pytest.fixture
async def client(server: Server) -> AsyncIterator[KubeClient]:
    async with KubeClient(access(server.url)) as client:
        yield client


async def test_an_error_carries_the_reason_and_nothing_else(
    server: Server, client: KubeClient
) -> None:
    server.answer(409, {"reason": "Conflict", "message": f"secret {CANARY}"})
    with pytest.raises(ApiError) as error:
        await client.get("/api/v1/pods")
    assert (error.value.status, error.value.reason) == (409, "Conflict")
    assert CANARY not in repr(error.value) + str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "body",
    [f"<html>{CANARY}", [CANARY], {"reason": f"{CANARY} with words"}, {"reason": 5}, "[" * 9999],
)
async def test_an_error_page_that_is_no_status_has_no_reason(
    server: Server, client: KubeClient, body: object
) -> None:
    server.answer(502, body)
    with pytest.raises(ApiError) as error:
        await client.get("/api/v1/pods")
    assert (error.value.status, error.value.reason) == (502, "")


@pytest.mark.parametrize("body", [f"<html>{CANARY}", [CANARY], "", "{"])
async def test_an_answer_that_is_no_object_is_a_bad_answer(
    server: Server, client: KubeClient, body: object
) -> None:
    server.answer(200, body)
    with pytest.raises(ApiError) as error:
        await client.get("/api/v1/pods")
    assert error.value.reason == "BadAnswer"
    assert CANARY not in str(error.value)


async def test_a_redirect_is_not_followed(server: Server, client: KubeClient) -> None:
    server.answer(302, {})
    with pytest.raises(ApiError) as error:
        await client.get("/api/v1/pods")
    assert error.value.status == 302
    assert len(server.requests) == 1


async def test_no_answer_in_time_and_no_server_are_unreachable_without_a_word_of_where(
    server: Server, client: KubeClient
) -> None:
    server.send(b"{", then_hang=True)
    with pytest.raises(ApiUnreachable) as slow:
        await client.get("/api/v1/pods", timeout=0.2)
    async with KubeClient(access("http://127.0.0.1:1")) as nobody:
        with pytest.raises(ApiUnreachable) as refused:
            await nobody.get("/api/v1/pods")
    for error in (slow, refused):
        assert "127.0.0.1" not in repr(error.value)
        assert error.value.__cause__ is None


async def test_the_environments_proxy_is_not_used(
    server: Server, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answer(200, {"kind": "PodList"})
    assert await client.get("/api/v1/pods") == {"kind": "PodList"}


async def test_a_token_is_read_again_after_a_minute(server: Server) -> None:
    now = 0.0
    server.answer(200, {})
    async with KubeClient(access(server.url, clock=lambda: now)) as client:
        await client.get("/api/v1/pods")
        now = REFRESH_SECONDS
        await client.get("/api/v1/pods")
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer token-1", "Bearer token-2"]


async def test_credentials_that_cannot_be_read_again_are_kept(server: Server) -> None:
    configuration = Configuration()
    configuration.host = server.url
    configuration.api_key["BearerToken"] = "Bearer token-1"

    async def refresh() -> None:
        raise OSError(CANARY)

    now = 0.0
    tls = ssl.create_default_context()
    server.answer(200, {})
    async with KubeClient(Access(configuration, refresh, tls, clock=lambda: now)) as client:
        now = REFRESH_SECONDS
        await client.get("/api/v1/pods")
    assert server.requests[0].headers["Authorization"] == "Bearer token-1"


async def test_a_watch_gives_events_however_they_are_cut(
    server: Server, client: KubeClient
) -> None:
    body = b'{"type":"ADDED","object":{"a":1}}\n\n{"type":"DELETED","object":{"a":2}}\n'
    for size in (1, 5, 1000):
        server.send(*(body[i : i + size] for i in range(0, len(body), size)))
        events = [event async for event in client.watch("/api/v1/pods")]
        assert events == [("ADDED", {"a": 1}), ("DELETED", {"a": 2})]


async def test_a_silent_watch_ends(server: Server, client: KubeClient) -> None:
    server.send(b'{"type":"ADDED","object":{}}\n', then_hang=True)
    opened = []
    watch = client.watch("/api/v1/pods", silence=0.2, on_open=lambda: opened.append(True))
    assert [event async for event in watch] == [("ADDED", {})]
    assert opened == [True]


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b'{"type":"ERROR","object":{"code":410,"reason":"Expired"}}', 410, "Expired"),
        (b'{"type":"ERROR","object":{"message":"x"}}', 500, ""),
        (b"garbage " + CANARY.encode(), 200, "BadAnswer"),
        (b'{"type":"ADDED","object":7}', 200, "BadAnswer"),
    ],
)
async def test_a_watch_line_that_is_an_error_or_garbage_is_an_api_error(
    server: Server, client: KubeClient, line: bytes, status: int, reason: str
) -> None:
    server.send(line + b"\n")
    with pytest.raises(ApiError) as error:
        [event async for event in client.watch("/api/v1/pods")]
    assert (error.value.status, error.value.reason) == (status, reason)


async def test_an_endless_watch_line_is_given_up(server: Server, client: KubeClient) -> None:
    megabyte = b"x" * (1 << 20)
    server.send(*[megabyte] * (MAX_WATCH_LINE // len(megabyte) + 2), then_hang=True)
    with pytest.raises(ApiError) as error:
        [event async for event in client.watch("/api/v1/pods")]
    assert error.value.reason == "BadAnswer"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "api/v1/pods",
        "//host/x",
        "/a//b",
        "/a/../b",
        "/a/./b",
        "/a?x=1",
        "/a%2e%2e/b",
        "/a b",
        "/a\n",
    ],
)
async def test_odd_paths_are_refused(client: KubeClient, path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        await client.get(path)


@pytest.mark.parametrize("namespace", ["", "a/b", "A", "-a", "a.b", "..", "a" * 64, "a\n"])
async def test_there_is_no_runner_without_a_proper_namespace(
    client: KubeClient, namespace: str
) -> None:
    with pytest.raises(ValueError, match="namespace"):
        client.as_runner(namespace)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/other/secrets/x",
        "/api/v1/namespaces/ns",
        "/api/v1/namespaces/ns2/pods",
        "/api/v1/namespaces/n.s/pods",
        "/api/v1/namespaces/ns/../other/secrets",
        "/api/v1/secrets",
        "/api/v1/nodes/n/proxy",
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/namespaces/other/deployments",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "/x/api/v1/namespaces/ns/pods",
    ],
)
async def test_the_runner_asks_nothing_outside_its_namespace(
    server: Server, client: KubeClient, path: str
) -> None:
    runner = client.as_runner("ns")
    with pytest.raises(ValueError, match=r"namespace|path"):
        await runner.get(path)
    with pytest.raises(ValueError, match=r"namespace|path"):
        [chunk async for chunk in runner.stream(path)]
    with pytest.raises(ValueError, match=r"namespace|path"):
        [event async for event in runner.watch(path)]
    assert server.requests == []


async def test_of_another_namespace_the_runner_reads_the_namespace_itself(
    server: Server, client: KubeClient
) -> None:
    server.answer(200, {"metadata": {"name": "other"}})
    found = await client.as_runner("ns").get_namespace("other")

    assert found == {"metadata": {"name": "other"}}
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/api/v1/namespaces/other")
    assert request.headers["Impersonate-User"] == "system:serviceaccount:ns:servicesop-runner"


@pytest.mark.parametrize("name", ["", "..", "other/pods", "other?watch=1", "Other", "a.b", "a\n"])
async def test_what_is_no_namespace_is_not_asked_for(
    server: Server, client: KubeClient, name: str
) -> None:
    with pytest.raises(ValueError, match="namespace"):
        await client.as_runner("ns").get_namespace(name)
    assert server.requests == []


async def test_only_the_runner_impersonates_and_it_sends_no_groups(
    server: Server, client: KubeClient
) -> None:
    server.answer(200, {})
    await client.as_runner("ns").get("/api/v1/namespaces/ns/secrets/x")
    await client.get("/api/v1/namespaces/ns/pods")
    as_runner, as_operator = (
        {name: value for name, value in request.headers.items() if "Impersonate" in name}
        for request in server.requests
    )
    assert as_runner == {"Impersonate-User": "system:serviceaccount:ns:servicesop-runner"}
    assert as_operator == {}


async def test_hanging_log_streams_keep_nobody_from_asking(
    server: Server, client: KubeClient
) -> None:
    server.send(b"x", then_hang=True)
    path = "/api/v1/namespaces/ns/pods/p/log"

    async def follow() -> None:
        async for _ in client.as_runner("ns").stream(path):
            pass

    streams = [asyncio.create_task(follow()) for _ in range(100)]
    async with asyncio.timeout(5):
        while len(server.requests) < 32:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
    server.answer(200, {"kind": "Pod"})
    assert await client.get("/api/v1/pods", timeout=2) == {"kind": "Pod"}
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)


async def test_a_missing_kubeconfig_and_no_cluster_are_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(AccessError, match="no ServiceAccount is mounted"):
        await Access.load(None)
    with pytest.raises(AccessError, match="there is no kubeconfig file"):
        await Access.load(tmp_path / "none")
    broken = tmp_path / "broken"
    broken.write_text("kind: Config\n")
    with pytest.raises(AccessError, match="current-context"):
        await Access.load(broken)
