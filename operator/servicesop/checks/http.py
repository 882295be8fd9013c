"""The check `http`: a server answers a GET as it should."""

import asyncio
from datetime import datetime
from typing import Final

from servicesop.api.checks.check import Check
from servicesop.api.checks.http import Http
from servicesop.api.sop import TargetRef
from servicesop.checks.http_judgement import KEPT_OUT, Patterns, judge_answer, judge_failure
from servicesop.checks.runner import CheckRunner, Surroundings, Turn
from servicesop.judge.admission import Admission
from servicesop.judge.results import Sample
from servicesop.sources.errors import SourceError
from servicesop.sources.http.failures import HttpFailure

SHARE: Final = 0.8
"""Of the check's timeout: the rest is for judging, so that the server's silence is its own."""
_ADMISSION_SHARE: Final = 0.95
"""Of the check's timeout: until then it is asked whether NetworkPolicies keep the operator out."""


class HttpCheck:
    """Asks on a connection of its own each time, and keeps nothing of the answer."""

    def __init__(self, spec: Http, timeout: float, surroundings: Surroundings) -> None:
        self._spec = spec
        self._timeout = timeout
        self._surroundings = surroundings
        self._targets = surroundings.http
        self._patterns: Patterns | None = None

    @property
    def reacts_to(self) -> TargetRef | None:
        """None: a server is asked by the clock."""
        return None

    @property
    def turn(self) -> Turn:
        """The bound on how many checks ask at once."""
        return self._targets.turns

    async def run(self, now: datetime) -> Sample:
        """Ask and judge. Raise SourceError when the server was not asked."""
        if self._patterns is None:
            self._patterns = Patterns(self._spec.body)
        began = asyncio.get_running_loop().time()
        try:
            answer = await self._targets.ask(self._spec, within=self._timeout * SHARE)
        except HttpFailure as failure:
            kind = failure.kind
        else:
            return judge_answer(self._spec, self._patterns, answer)
        if kind not in KEPT_OUT:
            return judge_failure(kind)
        return judge_failure(kind, await self._admission(began + self._timeout * _ADMISSION_SHARE))

    async def _admission(self, until: float) -> Admission:
        around = self._surroundings
        try:
            async with asyncio.timeout_at(until):
                return await around.admission(self._spec.parts(around.namespace))
        except TimeoutError:
            return Admission(None, "the API server does not answer in time")
        except SourceError as unread:
            return Admission(None, unread.message)


def http_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of an `http` check."""
    assert check.http is not None
    return HttpCheck(check.http, check.timeout.total_seconds(), surroundings)
