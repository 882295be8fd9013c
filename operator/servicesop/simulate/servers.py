"""The servers of a test, and its Prometheus and Alertmanager."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from servicesop.api.checks.check import Check
from servicesop.api.checks.http import Http
from servicesop.api.checks.prometheus import Alert
from servicesop.api.sop import Connection
from servicesop.checks.runner import NO_TURN, Turn
from servicesop.judge.alerts import AlertingRule, ManagedAlert
from servicesop.judge.series import Series
from servicesop.simulate.missing import not_given
from servicesop.simulate.observations import (
    AlertState,
    GivenAlert,
    HttpAnswer,
    HttpFailureName,
    OneSeries,
)
from servicesop.sources.errors import SourceError
from servicesop.sources.http.client import Answer
from servicesop.sources.http.failures import HttpFailure, Kind

Refused = Callable[[str], SourceError | None]
"""Says why a connection cannot be asked now, if so."""

_KINDS = {
    HttpFailureName.TIMEOUT: Kind.TIMEOUT,
    HttpFailureName.NO_CONNECTION: Kind.NO_CONNECTION,
    HttpFailureName.REFUSED: Kind.REFUSED,
    HttpFailureName.RESET: Kind.RESET,
    HttpFailureName.UNREACHABLE: Kind.UNREACHABLE,
    HttpFailureName.CERTIFICATE_EXPIRED: Kind.CERTIFICATE_EXPIRED,
    HttpFailureName.CERTIFICATE_NOT_TRUSTED: Kind.CERTIFICATE_NOT_TRUSTED,
    HttpFailureName.CERTIFICATE_NAME_MISMATCH: Kind.CERTIFICATE_NAME_MISMATCH,
    HttpFailureName.TLS_FAILED: Kind.TLS_FAILED,
    HttpFailureName.MALFORMED: Kind.MALFORMED,
}


@dataclass
class Servers:
    """What the test gave last."""

    answers: dict[str, HttpAnswer] = field(default_factory=dict)
    """By check."""
    samples: dict[str, tuple[OneSeries, ...]] = field(default_factory=dict)
    """By check."""
    alerts: tuple[GivenAlert, ...] | None = None
    """All of them."""


class GivenServers:
    """Answers the request of one check."""

    def __init__(self, servers: Servers, check: Check) -> None:
        self._servers = servers
        self._check = check

    @property
    def turns(self) -> Turn:
        """No bound."""
        return NO_TURN

    async def ask(self, spec: Http, *, within: float) -> Answer:
        """Give the answer. Raise HttpFailure, or SourceError where the test gives none."""
        given = self._servers.answers.get(self._check.name)
        if given is None:
            raise not_given("http answer")
        if given.not_asked is not None:
            raise SourceError(given.not_asked, "as the test says")
        if given.failure is not None:
            raise HttpFailure(_KINDS[given.failure])
        seconds = float(given.seconds)
        if seconds > within:
            raise HttpFailure(Kind.TIMEOUT)
        assert given.status is not None, "status, failure or notAsked is there"
        body = given.body.encode()
        return Answer(given.status, body, complete=True, encoded=False, seconds=seconds)


class GivenMonitoring:
    """Answers the queries of one check."""

    def __init__(self, servers: Servers, check: Check, refused: Refused) -> None:
        self._servers = servers
        self._check = check
        self._refused = refused

    @property
    def turns(self) -> Turn:
        """No bound."""
        return NO_TURN

    def prometheus(self, connection: Connection) -> "Endpoint":
        """Give the Prometheus of a connection."""
        return Endpoint(self._servers, self._check, lambda: self._refused(connection.name))

    def alertmanager(self, connection: Connection) -> "Endpoint":
        """Give the Alertmanager of a connection."""
        return self.prometheus(connection)


class Endpoint:
    """A Prometheus, or an Alertmanager, asked by one check."""

    def __init__(
        self, servers: Servers, check: Check, refused: Callable[[], SourceError | None]
    ) -> None:
        self._servers = servers
        self._check = check
        self._refused = refused

    async def query(self, expression: str, seconds: float) -> Sequence[Series]:
        """Give the series. Raise SourceError where the test gives none."""
        self._answers()
        if self._check.name not in self._servers.samples:
            raise not_given("samples")
        given = self._servers.samples[self._check.name]
        return tuple(Series(one.value, one.labels) for one in given)

    async def rules(self, alert: str, seconds: float) -> Sequence[AlertingRule]:
        """Give the alerting rules of that name; one where the test says nothing of it."""
        given = [one for one in self._given() if one.name == alert]
        if any(one.state is AlertState.NO_RULE for one in given):
            return ()
        firing = tuple(_labels(one) for one in given if one.state is AlertState.FIRING)
        evaluated = all(one.state is not AlertState.NOT_EVALUATED for one in given)
        return (AlertingRule(evaluated, firing),)

    async def alerts(self, alert: Alert, seconds: float) -> Sequence[ManagedAlert]:
        """Give the alerts of that name that fire. Raise SourceError where the test gives none."""
        return tuple(
            ManagedAlert(_labels(one), one.silenced)
            for one in self._given()
            if one.name == alert.name and one.state is AlertState.FIRING
        )

    def _given(self) -> Sequence[GivenAlert]:
        self._answers()
        if self._servers.alerts is None:
            raise not_given("alerts")
        return self._servers.alerts

    def _answers(self) -> None:
        refused = self._refused()
        if refused is not None:
            raise refused


def _labels(alert: GivenAlert) -> dict[str, str]:
    return {"alertname": alert.name, **alert.labels}
