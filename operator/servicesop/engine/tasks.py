"""Work in the background that nobody waits for."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from servicesop.engine.defects import Defects
from servicesop.engine.ledger import Conflict
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable

_log = logging.getLogger(__name__)


class Tasks:
    """The tasks of the process; none outlives `close`, and none ends another."""

    def __init__(self, defects: Defects) -> None:
        self._defects = defects
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def begin(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Do this work, called `what` in the log; after `close` do nothing."""
        if self._closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(self._contained(what, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all of them, and begin none any more."""
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _contained(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        with self._defects.contained(what):
            try:
                await work
            except (ApiError, ApiUnreachable, Conflict) as unable:
                _log.warning("%s: %s", what, type(unable).__name__)
