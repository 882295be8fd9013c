"""One run of a check, by whomever: within its timeout, and with every failure as an answer."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import CheckRunner
from servicesop.judge.results import Sample, error
from servicesop.sources.errors import SourceError

Limit = Callable[[float], AbstractAsyncContextManager[object]]
"""Ends what takes longer than so many seconds with TimeoutError."""


async def ask(
    runner: CheckRunner,
    check: Check,
    now: datetime,
    on_defect: Callable[[Exception], None],
    limit: Limit = asyncio.timeout,
) -> Sample:
    """Run a check and give what it saw, whatever happens.

    The caller has entered the runner's turn: waiting for it is not part of the timeout. `on_defect`
    is told the exceptions that nobody expected; their text must not be shown to anybody.
    """
    try:
        async with limit(check.timeout.total_seconds()):
            return await runner.run(now)
    except SourceError as unable:
        return error(unable.reason, unable.message)
    except TimeoutError:
        return error(
            UnknownReason.TIMED_OUT,
            "no answer within the check's timeout; see whether what it asks is up and fast"
            " enough, or raise the timeout",
        )
    except Exception as defect:  # noqa: BLE001 - one check must not end the others
        on_defect(defect)
        return error(UnknownReason.INTERNAL_ERROR, "a defect of servicesop; its log has details")
