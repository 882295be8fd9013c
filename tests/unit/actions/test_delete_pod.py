"""How the answers to an eviction are read, by a server that answers on request."""

from typing import Any

import pytest

from servicesop.actions.action import Look, Sent, Subject
from servicesop.actions.delete_pod import MAX_BUDGETS, DeletePod, eviction_of
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json
from servicesop.sources.kubernetes.requests import Page
from unit.decide.scenes import POD, TARGET_UID, intent_of
from unit.sources.kube_objects import DEPLOYMENT

POD_PATH = f"/api/v1/namespaces/ns/pods/{POD.name}"
SUBJECT = Subject("ns", WorkloadKind.DEPLOYMENT, "fleet-manager", POD)
INTENT = intent_of(action="deletePod", pod=POD.name, pod_uid=POD.uid)
HERE: Json = {"metadata": {"name": POD.name, "uid": POD.uid, "resourceVersion": "7"}}
BUDGET: Json = {
    "metadata": {"generation": 1},
    "spec": {"selector": {}},
    "status": {"observedGeneration": 1, "disruptionsAllowed": 1},
}


class Server:
    """Stands in for the API server, as the operator's account and as the runner, and the cache."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer
        self.objects: dict[str, Json | Exception] = {
            POD_PATH: HERE,
            "/apis/apps/v1/namespaces/ns/deployments/fleet-manager": DEPLOYMENT
            | {"metadata": DEPLOYMENT["metadata"] | {"uid": TARGET_UID}},
        }
        self.budgets = [BUDGET]
        self.sent: list[tuple[str, Json]] = []

    def as_runner(self, namespace: str) -> "Server":
        assert namespace == "ns"
        return self

    async def get(self, path: str) -> Json:
        found = self.objects.get(path, ApiError(404, "NotFound"))
        if isinstance(found, Exception):
            raise found
        return found

    async def list_pages(self, path: str, *, limit: int) -> Any:
        assert path == "/apis/policy/v1/namespaces/ns/poddisruptionbudgets"
        yield Page(self.budgets[:limit], "1")
        yield Page(self.budgets[limit:], "1")

    async def create(self, path: str, body: Json) -> Json:
        self.sent.append((path, body))
        if self.answer is not None:
            raise self.answer
        return {}

    def view(self, namespace: str) -> Any:
        raise SourceError(UnknownReason.API_UNAVAILABLE, "no view yet")


def action(server: Server) -> DeletePod:
    return DeletePod(server, server)  # type: ignore[arg-type]  # what it asks of them


async def send(server: Server) -> Sent:
    look = await action(server).look(SUBJECT)
    return (await action(server).send(SUBJECT, INTENT, look)).sent


async def test_an_eviction_is_for_the_very_pod_as_it_was_seen() -> None:
    server = Server()

    assert await send(server) is Sent.APPLIED
    [(path, body)] = server.sent
    assert path == f"{POD_PATH}/eviction"
    assert body == eviction_of(INTENT, "ns", HERE)
    assert body["deleteOptions"]["preconditions"] == {"uid": POD.uid, "resourceVersion": "7"}


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        (400, Sent.REFUSED),
        (403, Sent.REFUSED),
        (404, Sent.REFUSED),
        (409, Sent.STALE),
        (422, Sent.REFUSED),
        (429, Sent.NOT_NOW),
        (500, Sent.UNKNOWN),
        (503, Sent.UNKNOWN),
    ],
)
async def test_an_answer_other_than_yes_is_read_with_a_look_at_the_pod(
    code: int, sent: Sent
) -> None:
    assert await send(Server(ApiError(code, "Because"))) is sent


async def test_without_an_answer_nothing_is_known() -> None:
    assert await send(Server(ApiUnreachable())) is Sent.UNKNOWN


async def test_too_many_requests_without_a_budget_is_the_server_itself() -> None:
    server = Server(ApiError(429, "TooManyRequests"))
    server.budgets = []

    assert await send(server) is Sent.UNKNOWN


@pytest.mark.parametrize("code", [404, 409, 429])
async def test_a_pod_that_has_gone_meanwhile_is_done(code: int) -> None:
    server = Server(ApiError(code, "Because"))
    look = await action(server).look(SUBJECT)
    del server.objects[POD_PATH]

    assert (await action(server).send(SUBJECT, INTENT, look)).sent is Sent.APPLIED


async def test_when_the_look_fails_nothing_is_known() -> None:
    server = Server(ApiError(403, "Forbidden"))
    look: Look = await action(server).look(SUBJECT)
    server.objects[POD_PATH] = ApiUnreachable()

    assert (await action(server).send(SUBJECT, INTENT, look)).sent is Sent.UNKNOWN


async def test_more_budgets_than_are_looked_through_are_unknown() -> None:
    server = Server()
    server.budgets = [BUDGET] * (MAX_BUDGETS + 1)
    live = (await action(server).look(SUBJECT)).live

    assert live.pod is not None
    assert (live.pod.there, live.pod.budgets, live.pod.owned) == (True, None, None)
