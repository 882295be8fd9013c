"""Whether a namespace has its runner, and what that runner may do: asked rarely, then kept."""

from collections.abc import Callable
from dataclasses import dataclass

from servicesop.actions.action import resource_of
from servicesop.api.checks.config import Config
from servicesop.api.kinds import ActionKind
from servicesop.api.procedures import Mode
from servicesop.api.sop import Spec, TargetRef
from servicesop.api.status import Tri
from servicesop.sources.kubernetes.client import RUNNER, ApiError, ApiUnreachable, KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.status.conditions import Readiness, ReadyReason

KEEP_YES_SECONDS = 600.0
KEEP_NO_SECONDS = 15.0
"""A missing right is asked for again soon: somebody is probably just granting it."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one object, by name where it has one."""

    verb: str
    group: str
    resource: str
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        resource = self.resource + (f".{self.group}" if self.group else "")
        resource += f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {resource}" + (f" {self.name}" if self.name else "")


def needed_by_checks(spec: Spec, kinds: Kinds) -> tuple[Right, ...]:
    """Give what the runner must be allowed for the SOP's checks to run.

    Of a kind that has not been looked up yet, or is not read, nothing is known; its check says so.
    """
    rights: set[Right] = set()
    if any(check.logs and not check.suspend for check in spec.checks):
        rights.add(Right("get", "", "pods", subresource="log"))
    if any(check.network_policy and not check.suspend for check in spec.checks):
        rights.add(Right("list", "networking.k8s.io", "networkpolicies"))
        rights.add(Right("list", "", "pods"))
    for connection in spec.connections:
        if connection.postgres is not None:
            rights.add(Right("get", "", "secrets", connection.postgres.secret_ref.name))
    for http in (check.http for check in spec.checks if check.http and not check.suspend):
        rights |= {Right("get", "", "secrets", name) for name in http.secrets}
        rights |= {Right("get", "", "configmaps", name) for name in http.config_maps}
    for asked in (check.resource for check in spec.checks if check.resource is not None):
        kind = kinds.known(asked.api_version, asked.kind)
        if kind is not None and kind.namespaced:
            verb = "get" if asked.name else "list"
            rights.add(Right(verb, kind.group, kind.resource, asked.name or ""))
    for config in (check.config for check in spec.checks if check.config and not check.suspend):
        rights |= _needed_by_config(config, spec)
    return tuple(sorted(rights))


def _needed_by_config(config: Config, spec: Spec) -> set[Right]:
    """Which objects a container takes its values from is not known here; the check says so."""
    if config.object is not None:
        return {Right("get", "", f"{config.object.kind.lower()}s", config.object.name)}
    refs = [one.ref for one in spec.targets if config.target in (None, one.name)][:1]
    return {Right("get", "apps", resource_of(ref.kind), ref.name) for ref in refs}


def needed_by_actions(spec: Spec, action: ActionKind, ref: TargetRef) -> tuple[Right, ...]:
    """Give what the runner must be allowed to do this to a workload."""
    if spec.mode is not Mode.ENFORCE:
        return ()
    if action is ActionKind.DELETE_POD:
        # Which pod it will be nobody knows before.
        return (Right("create", "", "pods", subresource="eviction"),)
    return (
        Right("get", "apps", resource_of(ref.kind), ref.name),
        Right("patch", "apps", resource_of(ref.kind), ref.name),
    )


class Rights:
    """Asks the API server as the runner, with resource names."""

    def __init__(self, client: KubeClient, kinds: Kinds, clock: Callable[[], float]) -> None:
        """`clock` gives seconds, monotonic."""
        self._client = client
        self._kinds = kinds
        self._clock = clock
        self._kept: dict[tuple[str, Right | None], tuple[float, bool]] = {}
        self._sweep_at = 0.0

    async def runner_exists(self, namespace: str) -> bool | None:
        """Say whether the namespace has its runner; None when that cannot be told."""
        return await self._ask(namespace, None)

    async def may(self, namespace: str, right: Right) -> bool | None:
        """Say whether the runner has a right; None when that cannot be told."""
        return await self._ask(namespace, right)

    async def may_all(self, namespace: str, rights: tuple[Right, ...]) -> bool | None:
        """Say whether the runner exists and has all these rights; None when that cannot be told."""
        answers = [await self.runner_exists(namespace)]
        answers += [await self.may(namespace, right) for right in rights]
        return False if False in answers else None if None in answers else True

    async def _ask(self, namespace: str, right: Right | None) -> bool | None:
        kept = self._kept.get((namespace, right))
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        try:
            answer = await self._asked(namespace, right)
        except (ApiError, ApiUnreachable):
            return None
        now = self._clock()
        self._sweep(now)
        keep = KEEP_YES_SECONDS if answer else KEEP_NO_SECONDS
        self._kept[namespace, right] = (now + keep, answer)
        return answer

    def _sweep(self, now: float) -> None:
        """Drop what nobody has asked for since it ended, now and then: namespaces come and go."""
        if now >= self._sweep_at:
            self._kept = {what: kept for what, kept in self._kept.items() if now < kept[0]}
            self._sweep_at = now + KEEP_YES_SECONDS

    async def _asked(self, namespace: str, right: Right | None) -> bool:
        if right is None:
            return await self._client.runner_exists(namespace)
        return await self._client.runner_may(
            namespace, right.verb, right.group, right.resource, right.name, right.subresource
        )

    async def readiness(self, namespace: str, spec: Spec) -> Readiness:
        """Say whether the operator can run the SOP's checks."""
        if spec.suspend:
            return Readiness(Tri.TRUE, ReadyReason.SUSPENDED, "spec.suspend is true")
        rights = needed_by_checks(spec, self._kinds)
        exists = await self.runner_exists(namespace)
        if exists is False and (rights or spec.mode is Mode.ENFORCE):
            return Readiness(
                Tri.FALSE,
                ReadyReason.NO_RUNNER,
                f"no {RUNNER}: apply manifests/runner in this namespace",
            )
        answers = {right: await self.may(namespace, right) for right in rights}
        missing = [str(right) for right, answer in answers.items() if answer is False]
        if missing:
            return Readiness(
                Tri.FALSE,
                ReadyReason.ACCESS_DENIED,
                f"{RUNNER} may not {', '.join(missing)}: grant it in this namespace",
            )
        if exists is None or None in answers.values():
            return Readiness(
                Tri.UNKNOWN, ReadyReason.UNKNOWN, "the rights of the runner cannot be asked now"
            )
        return Readiness(Tri.TRUE, ReadyReason.OPERATIONAL, "the checks run")
