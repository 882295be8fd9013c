"""Objects of any kind in one namespace, read as that namespace's runner; Secrets one by one."""

from collections.abc import Mapping
from typing import Any, Final

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import (
    ApiError,
    ApiUnreachable,
    Json,
    KubeClient,
    Query,
    RunnerClient,
)
from servicesop.sources.kubernetes.kinds import Kind, Kinds, unknown
from servicesop.sources.kubernetes.turns import Turns, TurnTable

MAX_OBJECTS: Final = 500
"""Objects in one answer. With more, nothing is said of any: a part would pass for the whole."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""Size of one answer: larger ones would hold up everybody else while they are parsed."""
MAX_CHECKS: Final = 16
"""Checks of this process that read objects at the same time."""
MAX_CHECKS_PER_NAMESPACE: Final = 4
"""Of these, how many may be of one namespace: an API service that hangs delays only that one."""

# As long as a check's timeout usually allows, which ends a read that takes longer.
_SECONDS: Final = 30.0
_SECRET: Final = Kind("v1", "Secret", "secrets", namespaced=True, verbs=frozenset({"get"}))


class ObjectReader:
    """Reads objects for all namespaces, a bounded number at once."""

    def __init__(self, client: KubeClient, kinds: Kinds) -> None:
        self._client = client
        self._kinds = kinds
        self._turns = TurnTable(MAX_CHECKS, MAX_CHECKS_PER_NAMESPACE)

    def of(self, namespace: str) -> "NamespaceObjects":
        """Give the objects of one namespace, read as its runner."""
        return NamespaceObjects(
            self._client, self._client.as_runner(namespace), self._kinds, self._turns.of(namespace)
        )


class NamespaceObjects:
    """The objects of one namespace, asked anew each time."""

    def __init__(
        self, client: KubeClient, runner: RunnerClient, kinds: Kinds, turns: Turns
    ) -> None:
        self._client = client
        self._runner = runner
        self._kinds = kinds
        self.turns = turns

    async def get(self, api_version: str, kind: str, name: str) -> Json | None:
        """Give an object, or None where there is none of that name.

        Raise SourceError when that cannot be asked.
        """
        found = await self._readable(api_version, kind, "get")
        try:
            item = await self._ask(found, "get", name=name)
        except _NoneOfThatNameError:
            return None
        return _checked(item, found)

    async def get_secret(self, name: str) -> Json | None:
        """Give a Secret, or None where there is none of that name; raise SourceError as `get`.

        It is asked for by this method alone, so that none is read as one object among others.
        """
        try:
            item = await self._ask(_SECRET, "get", name=name)
        except _NoneOfThatNameError:
            return None
        return _checked(item, _SECRET)

    async def find(
        self, api_version: str, kind: str, labels: Mapping[str, str]
    ) -> tuple[Json, ...]:
        """Give all objects that carry these labels, all of the kind where none are given.

        The items of a list do not repeat apiVersion and kind. Raise SourceError when they cannot be
        asked, or are more than are read.
        """
        found = await self._readable(api_version, kind, "list")
        query = {"limit": str(MAX_OBJECTS)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        answer = await self._ask(found, "list", query=query)
        match answer:
            case {"metadata": {"continue": str(more)}} if more:
                raise _too_many(found)
            case {"metadata": dict(), "items": list(items)} if len(items) > MAX_OBJECTS:
                # Not every API service keeps to the limit.
                raise _too_many(found)
            case {"metadata": dict(), "items": list(items)}:
                return tuple(_checked(item, found) for item in items)
            case {"metadata": dict(), "items": None}:
                return ()
        raise _bad_answer(found)

    async def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        """Give the labels of a namespace, also of another one; None where that is not allowed.

        Raise SourceError when there is no such namespace, or the API server does not answer.
        """
        try:
            item = await self._runner.get_namespace(name, timeout=_SECONDS, max_bytes=MAX_BYTES)
        except ApiError as refused:
            if refused.status in (401, 403):
                return None
            if refused.status == 404:
                raise SourceError(
                    UnknownReason.NAMESPACE_NOT_FOUND,
                    f"there is no namespace {name}; create it, or correct the check",
                ) from None
            raise _refuses_now() from None
        except ApiUnreachable:
            raise _silent() from None
        match item:
            case {"metadata": {"labels": dict(labels)}}:
                return labels
            case {"metadata": {"name": str()}}:
                return {}
        raise SourceError(
            UnknownReason.BAD_ANSWER, f"the answer for namespace {name} is not in the expected form"
        )

    async def _readable(self, api_version: str, kind: str, verb: str) -> Kind:
        # The schema refuses it too; this holds for whoever calls, and whatever comes to be served.
        if (api_version, kind) == ("v1", "Secret"):
            raise SourceError(
                UnknownReason.KIND_REFUSED,
                "this check reads no Secrets; ask for the keys of one with the check config",
            )
        found = await self._kinds.find(api_version, kind)
        if not found.namespaced:
            raise SourceError(
                UnknownReason.KIND_REFUSED,
                f"{kind} of {api_version} belongs to no namespace, and an SOP sees only its own;"
                " make it a manual step",
            )
        if verb not in found.verbs:
            raise SourceError(
                UnknownReason.KIND_REFUSED,
                f"the API server offers no {verb} of {found.qualified}; choose a kind whose objects"
                " can be read",
            )
        return found

    async def _ask(
        self, kind: Kind, verb: str, *, name: str | None = None, query: Query | None = None
    ) -> Json:
        path = kind.path(self._runner.namespace, name)
        try:
            return await self._runner.get(path, query, timeout=_SECONDS, max_bytes=MAX_BYTES)
        except ApiUnreachable:
            raise _silent() from None
        except ApiError as refused:
            if refused.status == 404 and refused.reason == "NotFound" and name is not None:
                raise _NoneOfThatNameError from None
            raise await self._unable(kind, verb, name, refused) from None

    async def _unable(
        self, kind: Kind, verb: str, name: str | None, refused: ApiError
    ) -> SourceError:
        if refused.status == 404:
            # Not even the list is there: the kind has been taken away since it was looked up.
            self._kinds.forget(kind)
            return unknown(kind.api_version, kind.kind)
        if refused.reason == "TooLarge":
            return _too_many(kind)
        if refused.reason == "BadAnswer":
            return _bad_answer(kind)
        if refused.status in (401, 403) and kind is _SECRET:
            return await self._client.refusal(
                self._runner.namespace, f"get Secret {name}", "manifests/runner/secrets"
            )
        if refused.status in (401, 403):
            return await self._client.refusal(
                self._runner.namespace, f"{verb} {kind.qualified}", "manifests/runner/objects"
            )
        return _refuses_now()


class _NoneOfThatNameError(Exception):
    """The kind is there, the object is not."""


def _checked(item: Any, kind: Kind) -> Json:
    match item:
        case {"metadata": {"name": str()}}:
            return dict(item)
    raise _bad_answer(kind)


def _silent() -> SourceError:
    return SourceError(UnknownReason.API_UNAVAILABLE, "the API server does not answer; asked again")


def _refuses_now() -> SourceError:
    return SourceError(
        UnknownReason.API_UNAVAILABLE, "the API server refuses to answer now; asked again"
    )


def _too_many(kind: Kind) -> SourceError:
    return SourceError(
        UnknownReason.TOO_MANY_OBJECTS,
        f"there are more than {MAX_OBJECTS} {kind.qualified}, or they are larger than"
        f" {MAX_BYTES // 1024 // 1024} MiB together; narrow the selector",
    )


def _bad_answer(kind: Kind) -> SourceError:
    return SourceError(
        UnknownReason.BAD_ANSWER, f"the answer for {kind.qualified} is not in the expected form"
    )
