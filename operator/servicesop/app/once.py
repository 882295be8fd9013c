"""The checks of SOPs, run once by a person: no operator, nobody impersonated, nothing written."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from servicesop.api.checks.check import Check
from servicesop.api.sop import Spec
from servicesop.app.sources import Sources, api_networks, goodbye
from servicesop.checks.ask import ask
from servicesop.checks.registry import build
from servicesop.sources.dial import DialGuard
from servicesop.sources.kubernetes.access import Access
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, UserClient
from servicesop.sources.kubernetes.workloads import WorkloadCache

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
        """The checks to run, in the order of the SOP."""
        return tuple(
            check for check in self.spec.checks if not self.named or check.name in self.named
        )

    def suspended(self, check: Check) -> bool:
        """Whether a check is left out. One that is asked for by name is not."""
        return self.spec.suspend and check.name not in self.named


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
    on_result: Callable[[Result], None],
    on_defect: Callable[[Check, Exception], None],
) -> tuple[Result, ...]:
    """Run the checks, all at the same time within the bounds of their sources.

    The results come in the order of the SOPs and their checks; `on_result` is told of each at once.
    Raise ClusterError.
    """
    try:
        async with UserClient(access) as client:
            await _reachable(access, client)
            guard = DialGuard(
                frozenset(allow_dial),
                await api_networks(access),
                advice="allow exactly this one with --allow-dial HOST:PORT",
            )
            return await _all(client, guard, sops, on_result, on_defect)
    finally:
        await goodbye()


async def _all(
    client: UserClient,
    guard: DialGuard,
    sops: Sequence[Sop],
    on_result: Callable[[Result], None],
    on_defect: Callable[[Check, Exception], None],
) -> tuple[Result, ...]:
    cache = WorkloadCache(client, lambda place: None)
    sources = Sources(client, cache, guard)
    try:
        await _settle(cache, sops)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_run(sources, sop, check, on_result, on_defect))
                for sop in sops
                for check in sop.checks
            ]
        return tuple(task.result() for task in tasks)
    finally:
        sources.close()
        await cache.close()


async def _reachable(access: Access, client: UserClient) -> None:
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


async def _run(
    sources: Sources,
    sop: Sop,
    check: Check,
    on_result: Callable[[Result], None],
    on_defect: Callable[[Check, Exception], None],
) -> Result:
    if sop.suspended(check):
        message = "spec.suspend is true; name the check with --check to run it all the same"
        result = Result(sop, check, State.SUSPENDED, reason="Suspended", message=message)
    else:
        runner = build(check, sources.surroundings(sop.namespace, sop.spec))
        async with runner.turn:
            began = time.monotonic()
            sample = await ask(
                runner, check, datetime.now(UTC), lambda defect: on_defect(check, defect)
            )
            seconds = time.monotonic() - began
        result = Result(
            sop,
            check,
            State(sample.verdict),
            findings=tuple(name for name in check.findings if name in sample.findings),
            reason=sample.reason,
            message=sample.message,
            evidence=sample.evidence,
            seconds=seconds,
        )
    on_result(result)
    return result
