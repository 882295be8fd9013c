"""The servers of a test, and its Prometheus and Alertmanager."""

from collections.abc import Sequence

from servicesop.api.checks.check import Check
from servicesop.api.checks.http import Http
from servicesop.api.checks.prometheus import Alert
from servicesop.api.sop import Connection
from servicesop.checks.runner import NO_TURN, Turn
from servicesop.judge.alerts import AlertingRule, ManagedAlert
from servicesop.judge.series import Series
from servicesop.simulate.missing import not_given
from servicesop.simulate.world import World
from servicesop.sources.http.client import Answer


class GivenServers:
    """Answers the request of one check."""

    turns: Turn = NO_TURN

    def __init__(self, world: World, check: Check) -> None:
        self._world = world
        self._check = check

    async def ask(self, spec: Http, *, within: float) -> Answer:
        """Give the answer. Raise HttpFailure, or SourceError where the test gives none."""
        raise not_given("http answer")


class GivenMonitoring:
    """Answers the queries of one check, as Prometheus and as Alertmanager."""

    turns: Turn = NO_TURN

    def __init__(self, world: World, check: Check) -> None:
        self._world = world
        self._check = check

    def prometheus(self, connection: Connection) -> "GivenMonitoring":
        """Give the Prometheus of a connection."""
        return self

    def alertmanager(self, connection: Connection) -> "GivenMonitoring":
        """Give the Alertmanager of a connection."""
        return self

    async def query(self, expression: str, seconds: float) -> Sequence[Series]:
        """Give the series. Raise SourceError where the test gives none."""
        raise not_given("samples")

    async def rules(self, alert: str, seconds: float) -> Sequence[AlertingRule]:
        """Give the alerting rules of that name. Raise SourceError where the test gives none."""
        raise not_given("alerts")

    async def alerts(self, alert: Alert, seconds: float) -> Sequence[ManagedAlert]:
        """Give the alerts of that name. Raise SourceError where the test gives none."""
        raise not_given("alerts")
