"""Who asks the API server: the operator's own account, a namespace's runner, or a person."""

import re
from pathlib import Path
from typing import Final, Self

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.access import Access
from servicesop.sources.kubernetes.requests import MAX_BODY, Page, Requests
from servicesop.sources.kubernetes.transport import ApiError, ApiUnreachable, Json, Query, Transport

__all__ = [
    "RUNNER",
    "ApiError",
    "ApiUnreachable",
    "Json",
    "KubeClient",
    "Page",
    "Query",
    "RunnerClient",
    "UserClient",
]

RUNNER: Final = "servicesop-runner"
"""The ServiceAccount, one per namespace, as which everything sensitive is done."""

_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SELF_REVIEWS: Final = frozenset(
    {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    }
)


class RunnerClient(Requests):
    """Whoever runs a namespace's checks, and nothing outside that namespace but Namespaces.

    That is the namespace's own runner, by impersonation; or, where a person runs them, that person.
    """

    def __init__(self, transport: Transport, namespace: str, *, impersonate: bool = True) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError("a runner needs the name of a namespace")
        # Only the user: the server adds the ServiceAccount's groups itself, and refuses them here.
        user = f"system:serviceaccount:{namespace}:{RUNNER}"
        super().__init__(transport, {"Impersonate-User": user} if impersonate else {})
        self._anywhere = Requests(transport, self._headers)
        self.namespace = namespace
        self._inside = re.compile(
            rf"/(?:api/v1|apis/[^/]+/[^/]+)/namespaces/{re.escape(namespace)}/.+"
        )

    async def get_namespace(
        self,
        name: str,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
        max_bytes: int = MAX_BODY,
    ) -> Json:
        """Read a Namespace, its own or another one's, of which nothing else can be asked here.

        Raise ValueError for what is no name of one.
        """
        if not _NAMESPACE.fullmatch(name):
            raise ValueError("not the name of a namespace")
        path = f"/api/v1/namespaces/{name}"
        return await self._anywhere.get(path, timeout=timeout, max_bytes=max_bytes)

    def _check(self, path: str) -> None:
        super()._check(path)
        if path not in _SELF_REVIEWS and not self._inside.fullmatch(path):
            raise ValueError(f"the runner of {self.namespace} asks only inside that namespace")


class KubeClient(Requests):
    """The operator's own account. Close it, or use it as an asynchronous context manager."""

    def __init__(self, access: Access) -> None:
        super().__init__(Transport(access), {})

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None) -> Self:
        """Load a kubeconfig, or the mounted ServiceAccount if None. Raise AccessError."""
        return cls(await Access.load(kubeconfig))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop all connections."""
        await self._transport.close()

    def as_runner(self, namespace: str) -> RunnerClient:
        """Give the client of that namespace's runner. Raise ValueError without a namespace."""
        return RunnerClient(self._transport, namespace)

    async def runner_exists(self, namespace: str) -> bool:
        """Tell whether the namespace has its ServiceAccount `servicesop-runner`.

        Asked for itself, because access reviews say yes to accounts that do not exist.
        """
        try:
            await self.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{RUNNER}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def runner_may(
        self,
        namespace: str,
        verb: str,
        group: str,
        resource: str,
        name: str = "",
        subresource: str = "",
    ) -> bool:
        """Ask whether the namespace's runner may do that to the object of that name."""
        review = await self.as_runner(namespace).create(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {
                    "resourceAttributes": {
                        "namespace": namespace,
                        "verb": verb,
                        "group": group,
                        "resource": resource,
                        "name": name,
                        "subresource": subresource,
                    }
                },
            },
        )
        status = review.get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    async def refusal(
        self, namespace: str, right: str, grant: str = "manifests/runner"
    ) -> SourceError:
        """Explain that the runner was refused a right, such as `get pods/log`.

        `grant` is what grants it. The API server refuses an account that does not exist in the same
        words as one without rights, and people need to know which.
        """
        try:
            exists = await self.runner_exists(namespace)
        except (ApiError, ApiUnreachable):
            exists = True  # not known; the refusal itself is what can be told
        if not exists:
            return SourceError(
                UnknownReason.NO_RUNNER,
                f"this namespace has no ServiceAccount {RUNNER}; apply manifests/runner",
            )
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"{RUNNER} may not {right}; grant it in this namespace ({grant})",
        )

    def unwatchable(self, objects: str) -> SourceError:
        """Explain that this account may not list and watch something, such as `Pods`."""
        return SourceError(
            UnknownReason.API_UNAVAILABLE,
            f"the operator's own account may not list and watch {objects} here; apply the"
            " ClusterRole and binding that the installation ships",
        )


class UserClient(KubeClient):
    """A person's own account: what the operator asks as a namespace's runner, the person asks."""

    def as_runner(self, namespace: str) -> RunnerClient:
        """Give the client of whoever runs the checks there: the person."""
        return RunnerClient(self._transport, namespace, impersonate=False)

    async def refusal(
        self, namespace: str, right: str, grant: str = "manifests/runner"
    ) -> SourceError:
        """Explain that the person was refused a right."""
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"you may not {right} in the namespace {namespace}; ask its team for a Role that allows"
            " it, or use another context",
        )

    def unwatchable(self, objects: str) -> SourceError:
        """Explain that the person may not list and watch something."""
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"you may not list and watch {objects} here; ask for the ClusterRole view in this"
            " namespace, or use another context",
        )
