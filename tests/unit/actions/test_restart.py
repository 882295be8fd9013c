"""How the answers to a restart are read, by a server that answers on request."""

from typing import Any

import pytest

from servicesop.actions.action import Sent, Subject
from servicesop.actions.restart import ANNOTATION, FIELD_MANAGER, Restart
from servicesop.api.kinds import WorkloadKind
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json
from unit.decide.scenes import TARGET_UID, intent_of
from unit.sources.kube_objects import DEPLOYMENT

SUBJECT = Subject("ns", WorkloadKind.DEPLOYMENT, "fleet-manager")
INTENT = intent_of()


def deployment(*, uid: str = TARGET_UID, action: str | None = None) -> Json:
    metadata = {**DEPLOYMENT["metadata"], "uid": uid, "generation": INTENT.generation}
    annotations = {} if action is None else {ANNOTATION: action}
    template = {**DEPLOYMENT["spec"]["template"], "metadata": {"annotations": annotations}}
    return {
        **DEPLOYMENT,
        "metadata": metadata,
        "spec": {**DEPLOYMENT["spec"], "template": template},
    }


class Server:
    """Stands in for the API server."""

    def __init__(self, answer: Exception) -> None:
        self.answer = answer
        self.item: Json | Exception = deployment()
        self.looks = 0

    def as_runner(self, namespace: str) -> "Server":
        assert namespace == "ns"
        return self

    async def get(self, path: str) -> Json:
        assert path == "/apis/apps/v1/namespaces/ns/deployments/fleet-manager"
        self.looks += 1
        if isinstance(self.item, Exception):
            raise self.item
        return self.item

    async def json_patch(self, path: str, operations: list[Json], field_manager: str) -> Any:
        assert field_manager == FIELD_MANAGER
        raise self.answer


async def send(server: Server, meanwhile: Json | Exception | None = None) -> Sent:
    action = Restart(server)  # type: ignore[arg-type]  # what it asks of it
    look = await action.look(SUBJECT)
    server.item = meanwhile or server.item
    return (await action.send(SUBJECT, INTENT, look)).sent


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 413, 422])
async def test_a_refusal_is_read_with_a_second_look(code: int) -> None:
    server = Server(ApiError(code, "Because"))

    assert (await send(server), server.looks) == (Sent.REFUSED, 2)


@pytest.mark.parametrize(
    "answer", [ApiError(429, "TooManyRequests"), ApiError(500, ""), ApiUnreachable()], ids=str
)
async def test_what_is_no_refusal_leaves_it_unknown(answer: Exception) -> None:
    server = Server(answer)

    assert (await send(server), server.looks) == (Sent.UNKNOWN, 1)


@pytest.mark.parametrize(
    ("meanwhile", "sent"),
    [
        pytest.param(deployment(action=INTENT.id), Sent.APPLIED, id="the same act, by another"),
        pytest.param(deployment(uid="another"), Sent.STALE, id="another target of that name"),
        pytest.param(ApiError(404, "NotFound"), Sent.STALE, id="no target"),
        pytest.param(ApiUnreachable(), Sent.UNKNOWN, id="no answer"),
    ],
)
async def test_what_happened_meanwhile_says_what_a_refusal_means(
    meanwhile: Json | Exception, sent: Sent
) -> None:
    assert await send(Server(ApiError(422, "Invalid")), meanwhile) is sent
