"""The operator's process: everything is made here, started, and ended in order."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from random import Random

import kopf
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from servicesop.api.base import GROUP, VERSION
from servicesop.app import probes, shell
from servicesop.app.config import Config
from servicesop.app.sources import Sources, api_networks, goodbye
from servicesop.checks.registry import build
from servicesop.engine.clock import SteadyClock
from servicesop.engine.defects import describe
from servicesop.engine.engine import Engine
from servicesop.engine.metrics import ConditionMetrics, Metrics
from servicesop.sources.dial import DialGuard
from servicesop.sources.kubernetes.access import Access
from servicesop.sources.kubernetes.admission import Admissions, open_everywhere
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.workloads import WorkloadCache
from servicesop.sources.postgres.session import scrub_environment
from servicesop.status.recorder import EventRecorder

SHELL_SECONDS = 1.5
"""How long kopf may take for its own end."""

_log = logging.getLogger(__name__)


class EndedError(Exception):
    """The watch or the engine, which must never end, has ended by itself; the log says why."""


async def run(config: Config) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raise AccessError, EndedError, and ListenError for a taken port.
    """
    scrub_environment(os.environ)
    # kopf names itself after the user, and in a container there may be none of that id.
    os.environ.setdefault("POD_ID", os.uname().nodename)
    access = await Access.load(config.kubeconfig)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with KubeClient(access) as client:
            await _until_installed(client, stop)
            if not stop.is_set():
                await _run(config, access, client, stop)
    finally:
        await goodbye()


async def _until_installed(client: KubeClient, stop: asyncio.Event) -> None:
    """Wait for the CRD: kopf would look for it only once."""
    told = False
    while not stop.is_set():
        try:
            await client.get(f"/apis/{GROUP}/{VERSION}")
        except ApiUnreachable:
            _log.warning("the API server does not answer; trying again")
        except ApiError as error:
            if error.status != 404:
                _log.warning("the API server answers %s; trying again", error)
            elif not told:
                told = True
                _log.warning("the CRD of ServiceSOPs is not installed; waiting for it (crds/)")
        else:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()


async def _run(config: Config, access: Access, client: KubeClient, stop: asyncio.Event) -> None:
    numbers = CollectorRegistry()
    ProcessCollector(registry=numbers)
    PlatformCollector(registry=numbers)
    clock = SteadyClock()
    guard = DialGuard(
        config.allow_dial,
        [*await api_networks(access), *config.refuse_dial],
        lambda: cache.nodes(),
    )
    kinds = Kinds(client)
    recorder = EventRecorder(client, os.uname().nodename, clock.now)
    cache = WorkloadCache(client, lambda place: engine.workload_changed(place))
    admission = open_everywhere
    if config.pod is not None:
        admission = Admissions(client, config.namespace, config.pod, clock.monotonic).of
    sources = Sources(client, cache, kinds, guard, clock.now, config.endpoints, admission)
    engine = Engine(
        client=client,
        namespace=config.namespace,
        cache=cache,
        kinds=kinds,
        surroundings=sources.surroundings,
        build=build,
        recorder=recorder,
        metrics=Metrics(numbers),
        clock=clock,
        random=Random(),  # noqa: S311 - jitter, not a secret
        start_hold=config.start_hold,
        heartbeat=config.heartbeat,
    )
    numbers.register(ConditionMetrics(engine.told))
    attached = asyncio.Event()
    running = asyncio.create_task(engine.run(), name="engine")
    writing = asyncio.create_task(recorder.run(), name="events")
    server = None

    async def end_work() -> None:
        """End everything of ours that runs; a second call does nothing."""
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.close()
        await cache.close()
        await sources.close()
        if server is not None:
            await server.cleanup()

    try:
        if config.listen is not None:
            server = await probes.serve(
                config.listen,
                numbers,
                live=lambda: not running.done(),
                ready=lambda: attached.is_set() and engine.ready,
            )
        await _shell(access, engine, running, attached, stop, end_work)
    finally:
        await end_work()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await recorder.flush()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def _shell(
    access: Access,
    engine: Engine,
    running: asyncio.Task[None],
    attached: asyncio.Event,
    stop: asyncio.Event,
    end_work: Callable[[], Awaitable[None]],
) -> None:
    """Run kopf until we are told to stop, or something that must never end has ended."""
    ended = asyncio.Event()
    async with shell.sessions(access, engine.watch_began) as login:
        watching = asyncio.create_task(
            kopf.operator(
                registry=shell.registry(engine, login),
                settings=shell.settings(),
                clusterwide=True,
                standalone=True,
                stop_flag=ended,
                ready_flag=attached,
            ),
            name="kopf",
        )
        stopping = asyncio.create_task(stop.wait(), name="stop")
        ready = asyncio.create_task(attached.wait(), name="ready")
        await asyncio.wait({watching, stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        # kopf has put its own signal handlers in place of ours; the order of the end is ours.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await asyncio.wait({watching, stopping, running}, return_when=asyncio.FIRST_COMPLETED)
        failed = not stop.is_set()
        for name, work in (("the watch", watching), ("the engine", running)):
            if work.done() and not work.cancelled() and (defect := work.exception()):
                _log.error("%s has ended by itself: %s", name, describe(defect))
        # Before kopf ends: it takes tasks that began after its own start for leftovers, and waits
        # 5 s for them.
        await end_work()
        ended.set()
        await asyncio.wait({watching}, timeout=SHELL_SECONDS)
        # It may still wait for an answer of the API server; its end changes nothing there.
        for left in (watching, stopping, ready):
            left.cancel()
        await asyncio.gather(stopping, ready, watching, return_exceptions=True)
    if failed:
        raise EndedError
