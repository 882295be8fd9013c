from typing import Any

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes import kinds
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable
from servicesop.sources.kubernetes.kinds import Kinds

CANARY = "canary"


class Discovery:
    """An API server that lists the resources of group versions."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.answer: Any = {"resources": [entry("jobs", "Job")]}

    async def get(self, path: str, *_: object, **__: object) -> Any:
        self.asked.append(path)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def entry(name: object, kind: object, namespaced: object = True, **rest: object) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"], **rest}


@pytest.fixture
def discovery() -> Discovery:
    return Discovery()


@pytest.fixture
def known(discovery: Discovery) -> Kinds:
    return Kinds(discovery, clock=lambda: discovery.now)  # type: ignore[arg-type]  # its one method


async def refusal(known: Kinds, api_version: str = "batch/v1", kind: str = "Job") -> SourceError:
    with pytest.raises(SourceError) as refused:
        await known.find(api_version, kind)
    assert CANARY not in refused.value.message
    return refused.value


async def test_a_kind_has_its_paths_and_its_name_in_roles(
    discovery: Discovery, known: Kinds
) -> None:
    discovery.answer = {
        "resources": [
            entry("jobs/status", "Job"),
            entry("jobs", "Job"),
            entry("nodes", "Node", namespaced=False),
            entry("pods", "Pod"),
        ]
    }
    job, node = await known.find("batch/v1", "Job"), await known.find("batch/v1", "Node")
    pod = await known.find("v1", "Pod")

    assert (job.group, job.qualified) == ("batch", "jobs.batch")
    assert job.path("shop", "nightly") == "/apis/batch/v1/namespaces/shop/jobs/nightly"
    assert (pod.group, pod.qualified) == ("", "pods")
    assert pod.path("shop") == "/api/v1/namespaces/shop/pods"
    assert not node.namespaced
    assert discovery.asked == ["/apis/batch/v1", "/api/v1"]


async def test_an_answer_is_kept_and_asked_for_again_in_the_end(
    discovery: Discovery, known: Kinds
) -> None:
    for moment in (0.0, 1.0, kinds.KEEP_SECONDS - 1):
        discovery.now = moment
        await known.find("batch/v1", "Job")
    assert len(discovery.asked) == 1
    discovery.now = kinds.KEEP_SECONDS
    await known.find("batch/v1", "Job")
    assert len(discovery.asked) == 2


async def test_what_is_not_served_is_asked_for_soon_but_not_always(
    discovery: Discovery, known: Kinds
) -> None:
    discovery.answer = ApiError(404, "NotFound")
    for moment in (0.0, 1.0, kinds.KEEP_UNKNOWN_SECONDS - 1):
        discovery.now = moment
        assert (await refusal(known)).reason is UnknownReason.KIND_NOT_FOUND
    assert len(discovery.asked) == 1
    discovery.now = kinds.KEEP_UNKNOWN_SECONDS
    discovery.answer = {"resources": [entry("jobs", "Job")]}
    assert (await known.find("batch/v1", "Job")).resource == "jobs"


async def test_a_forgotten_kind_is_asked_for_at_once(discovery: Discovery, known: Kinds) -> None:
    known.forget(await known.find("batch/v1", "Job"))
    assert known.known("batch/v1", "Job") is None
    await known.find("batch/v1", "Job")
    assert len(discovery.asked) == 2


async def test_what_is_known_is_told_without_asking(discovery: Discovery, known: Kinds) -> None:
    assert known.known("batch/v1", "Job") is None
    found = await known.find("batch/v1", "Job")
    discovery.now = 10 * kinds.KEEP_SECONDS
    assert known.known("batch/v1", "Job") == found
    assert known.known("batch/v1", "CronJob") is None
    assert len(discovery.asked) == 1


async def test_the_number_of_answers_kept_is_bounded(discovery: Discovery, known: Kinds) -> None:
    for number in range(kinds.MAX_GROUP_VERSIONS + 1):
        await known.find(f"g{number}/v1", "Job")
    assert known.known("g0/v1", "Job") is None
    assert known.known("g1/v1", "Job") is not None
    assert len(known._known) == kinds.MAX_GROUP_VERSIONS


@pytest.mark.parametrize(
    "trouble",
    [ApiUnreachable(), ApiError(503, "ServiceUnavailable"), ApiError(200, "TooLarge")],
)
async def test_without_an_answer_nothing_is_said_of_the_kind(
    discovery: Discovery, known: Kinds, trouble: Exception
) -> None:
    discovery.answer = trouble
    assert (await refusal(known)).reason is UnknownReason.API_UNAVAILABLE
    discovery.answer = {"resources": [entry("jobs", "Job")]}
    await known.find("batch/v1", "Job")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"resources": None},
        {"resources": CANARY},
        {"resources": [CANARY, None, 7, []]},
        {"resources": [entry("../../secrets", "Job")]},
        {"resources": [entry("jobs?x=y", "Job")]},
        {"resources": [entry("", "Job")]},
        {"resources": [entry(7, "Job")]},
        {"resources": [entry("jobs", 7)]},
        {"resources": [entry("jobs", "Job", namespaced="yes")]},
    ],
)
async def test_an_answer_of_any_other_form_names_no_kind(
    discovery: Discovery, known: Kinds, answer: Any
) -> None:
    discovery.answer = answer
    assert (await refusal(known)).reason is UnknownReason.KIND_NOT_FOUND


@pytest.mark.parametrize("verbs", [None, "get", [7, None], {}])
async def test_verbs_of_any_other_form_are_none(
    discovery: Discovery, known: Kinds, verbs: object
) -> None:
    discovery.answer = {"resources": [entry("jobs", "Job") | {"verbs": verbs}]}
    assert (await known.find("batch/v1", "Job")).verbs == frozenset()
