"""What goes on without a cause of its own: lists, overdue checks, what was left behind."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from servicesop.api.status import Tri
from servicesop.engine.clock import Clock
from servicesop.engine.defects import Defects
from servicesop.engine.ledger import Conflict, Ledger
from servicesop.engine.registry import Registry
from servicesop.engine.sop import Key, Sop
from servicesop.engine.turn import Turns
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient

SWEEP_SECONDS = 15.0
RETRY_SECONDS = 1.0
RESYNC_SECONDS = 300.0

_log = logging.getLogger(__name__)


class Housekeeping:
    """Looks after all SOPs of the process, round after round."""

    def __init__(
        self,
        *,
        client: KubeClient,
        sops: Registry,
        turns: Turns,
        ledger: Ledger,
        defects: Defects,
        clock: Clock,
        observe: Callable[[Json], None],
        forget: Callable[[Key], None],
        want: Callable[[Sop], None],
    ) -> None:
        """`observe` and `forget` take what a list tells; `want` gives an SOP a turn."""
        self._client = client
        self._sops = sops
        self._turns = turns
        self._ledger = ledger
        self._defects = defects
        self._clock = clock
        self._observe = observe
        self._forget = forget
        self._want = want
        self._listed: float | None = None
        """When all SOPs were last listed."""
        self._list_again = False
        """The watch began anew since, so that deletions may have been missed."""
        self._wake = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether all SOPs and everything that must be remembered have been read."""
        return self._ledger.loaded and self._listed is not None

    def list_again(self) -> None:
        """List all SOPs soon: the watch may have missed deletions."""
        self._list_again = True
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            with self._defects.contained("housekeeping"):
                await self._round()
            await self._beat()
            self._wake.clear()
            soon = self._list_again or not self.ready
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS if soon else SWEEP_SECONDS):
                    await self._wake.wait()

    async def _round(self) -> None:
        try:
            if not self._ledger.loaded:
                await self._ledger.load()
            if self._list_due():
                await self._list()
                self._listed = self._clock.monotonic()
            for sop in self._sops.all():
                await self._turns.settle(sop)
            await self._ledger.sweep()
        except (ApiError, ApiUnreachable, Conflict) as unable:
            _log.warning("housekeeping: %s; trying again", type(unable).__name__)

    def _list_due(self) -> bool:
        return (
            self._listed is None
            or self._list_again
            or self._clock.monotonic() - self._listed > RESYNC_SECONDS
        )

    async def _beat(self) -> None:
        """Give turns to SOPs that nothing else wakes: heartbeat, missing rights, overdue checks."""
        for index, sop in enumerate(self._sops.all()):
            now = self._clock.now()
            unready = sop.readiness.status is not Tri.TRUE
            if sop.expire(now) or unready or self._turns.beat_due(sop, now):
                self._want(sop)
            if index % 100 == 0:
                await asyncio.sleep(0)

    async def _list(self) -> None:
        """Read all SOPs, and drop those that vanished while nobody was watching.

        kopf does not tell of deletions that it missed. At the start this comes before the sweep:
        what looks abandoned in the ledger may stand in an intent that is not read yet.
        """
        before = self._sops.all()
        seen: set[Key] = set()
        self._list_again = False
        path = "/apis/servicesop.io/v1alpha1/servicesops"
        try:
            async for page in self._client.list_pages(path):
                for body in page.items:
                    seen.add((body["metadata"]["namespace"], body["metadata"]["name"]))
                    self._observe(body)
        except (ApiError, ApiUnreachable):
            self._list_again = True
            raise
        for sop in before:
            # One that the watch told of since is newer than the list.
            if sop.key not in seen and self._sops.get(sop.key) is sop:
                self._forget(sop.key)
