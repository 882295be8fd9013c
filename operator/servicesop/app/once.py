"""The checks of SOPs, run once by a person: no operator, nobody impersonated, nothing written."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from servicesop.api.checks.check import Check
from servicesop.api.dependencies import in_order
from servicesop.api.sop import Spec
from servicesop.app.sources import Sources, api_networks, goodbye
from servicesop.checks.ask import ask
from servicesop.checks.registry import build
from servicesop.judge.debounce import Memory, begin, step, windows_of
from servicesop.judge.dependencies import held_back
from servicesop.sources.dial import DialGuard
from servicesop.sources.kubernetes.access import Access
from servicesop.sources.kubernetes.admission import open_everywhere
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, UserClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.workloads import WorkloadCache
from servicesop.sources.prometheus.endpoints import Endpoint

SYNC_SECONDS = 10.0
"""How long to wait for the first view of workloads; then the checks say what is missing."""


class ClusterError(Exception):
    """The cluster cannot be asked at all; the message is for the person."""


class State(StrEnum):
    """What one run of a check says, or why there was none."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    SKIPPED = "Skipped"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Sop:
    """One SOP, and which of its checks to run."""

    namespace: str
    name: str
    spec: Spec
    named: frozenset[str] = frozenset()
    """The checks that the person asked for by name; empty: all."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks to run, in the order of the SOP: all, or those named and what they depend on.

        One that is named runs also if it is suspended.
        """
        if not self.named:
            return self.spec.checks
        wanted = set(self.named)
        for check in reversed(in_order(self.spec.checks)):
            if check.name in wanted:
                wanted |= set(check.depends_on)
        return tuple(
            check.model_copy(update={"suspend": False}) if check.name in self.named else check
            for check in self.spec.checks
            if check.name in wanted
        )

    @property
    def suspended(self) -> bool:
        """Whether the whole SOP is, and no check of it was asked for by name."""
        return self.spec.suspend and not self.named


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check."""

    sop: Sop
    check: Check
    state: State
    findings: tuple[str, ...] = ()
    """What was found; not empty exactly when it failed."""
    reason: str | None = None
    """Why it is unknown; set exactly when it is."""
    message: str = ""
    evidence: tuple[str, ...] = ()
    seconds: float = 0.0
    """How long it took to ask."""


async def run_once(
    access: Access,
    sops: Sequence[Sop],
    *,
    allow_dial: Collection[tuple[str, int]],
    endpoints: Collection[Endpoint],
    on_result: Callable[[Result], None],
    on_defect: Callable[[Check, Exception], None],
) -> tuple[Result, ...]:
    """Run the checks, all at the same time within the bounds of their sources.

    The results come in the order of the SOPs and their checks; `on_result` is told of each at once.
    Raise ClusterError.
    """
    try:
        async with UserClient(access) as client:
            await reachable(access, client)
            cache = WorkloadCache(client, lambda place: None)
            guard = DialGuard(
                frozenset(allow_dial),
                await api_networks(access),
                cache.nodes,
                advice="allow exactly this one with --allow-dial HOST:PORT",
            )
            sources = Sources(
                client,
                cache,
                Kinds(client),
                guard,
                lambda: datetime.now(UTC),
                endpoints,
                open_everywhere,
            )
            return await _all(cache, sources, sops, on_result, on_defect)
    finally:
        await goodbye()


async def _all(
    cache: WorkloadCache,
    sources: Sources,
    sops: Sequence[Sop],
    on_result: Callable[[Result], None],
    on_defect: Callable[[Check, Exception], None],
) -> tuple[Result, ...]:
    try:
        await _settle(cache, sops)
        async with asyncio.TaskGroup() as group:
            rounds = [_Round(sop, sources, group, on_result, on_defect) for sop in sops]
        return tuple(result for each in rounds for result in each.results())
    finally:
        await sources.close()
        await cache.close()


async def reachable(access: Access, client: UserClient) -> None:
    """See that the API server answers, and knows the person. Raise ClusterError."""
    try:
        await client.get("/version")
    except ApiUnreachable:
        raise ClusterError(
            f"the API server {access.host} does not answer; check the kubeconfig's context and the"
            " way there"
        ) from None
    except ApiError as refused:
        if refused.status == 401:
            raise ClusterError(
                f"the API server {access.host} does not accept the kubeconfig's credentials; log in"
                " again"
            ) from None
        # Some clusters tell their version to nobody; it answers, and that is what was asked.


async def _settle(cache: WorkloadCache, sops: Sequence[Sop]) -> None:
    """Wait for the view of workloads, where checks may look at some."""
    namespaces = {sop.namespace for sop in sops if sop.spec.targets}
    for sop in sops:
        if sop.spec.targets:
            cache.hold(sop.namespace, frozenset(one.ref.kind for one in sop.spec.targets))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SYNC_SECONDS):
            await asyncio.gather(*map(cache.settled, namespaces))


class _Round:
    """One run of the checks of one SOP, each after those that it depends on."""

    def __init__(
        self,
        sop: Sop,
        sources: Sources,
        group: asyncio.TaskGroup,
        on_result: Callable[[Result], None],
        on_defect: Callable[[Check, Exception], None],
    ) -> None:
        self._sop = sop
        self._surroundings = sources.surroundings(sop.namespace, sop.spec)
        self._on_result = on_result
        self._on_defect = on_defect
        self._memories: dict[str, Memory] = {}
        self._tasks: dict[str, asyncio.Task[Result]] = {}
        for check in in_order(sop.checks):
            self._tasks[check.name] = group.create_task(self._run(check))

    def results(self) -> list[Result]:
        """Give the results, in the order of the SOP, once all checks are over."""
        return [self._tasks[check.name].result() for check in self._sop.checks]

    async def _run(self, check: Check) -> Result:
        for name in check.depends_on:
            await self._tasks[name]
        result = self._held(check) or await self._asked(check)
        self._on_result(result)
        return result

    def _held(self, check: Check) -> Result | None:
        """Say why a check is not run, in the operator's words; None where it is."""
        if self._sop.suspended:
            message = "spec.suspend is true; name a check with --check to run it all the same"
            return Result(
                self._sop, check, State.SUSPENDED, reason=State.SUSPENDED.value, message=message
            )
        now = datetime.now(UTC)
        self._memories[check.name] = begin(now)
        held = held_back((check,), self._memories, now).get(check.name)
        if held is None or held.newest is None:
            return None
        self._memories[check.name] = held
        said = held.newest
        return Result(self._sop, check, State(held.state), reason=said.reason, message=said.message)

    async def _asked(self, check: Check) -> Result:
        runner = build(check, self._surroundings)
        async with runner.turn:
            began = time.monotonic()
            now = datetime.now(UTC)
            sample = await ask(runner, check, now, lambda defect: self._on_defect(check, defect))
            seconds = time.monotonic() - began
        windows = windows_of(check, check.every or self._sop.spec.every)
        self._memories[check.name] = step(self._memories[check.name], sample, now, windows)
        return Result(
            self._sop,
            check,
            State(sample.verdict),
            findings=tuple(name for name in check.findings if name in sample.findings),
            reason=sample.reason,
            message=sample.message,
            evidence=sample.evidence,
            seconds=seconds,
        )
