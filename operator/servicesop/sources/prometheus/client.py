"""Prometheus and Alertmanager as the checks of one namespace may ask them.

An SOP names an endpoint; where it is, with which credentials it is asked, and who may ask it, only
the administrator says. Requests are GETs, and the query is a parameter that is encoded as a whole:
whatever its text, it adds no parameter, no header and no other host.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from servicesop.api.checks.prometheus import Alert
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection
from servicesop.judge.alerts import AlertingRule, ManagedAlert
from servicesop.judge.series import Series
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.http.client import Answer, HttpClient, Request
from servicesop.sources.http.failures import HttpFailure
from servicesop.sources.kubernetes.turns import Turns, TurnTable
from servicesop.sources.prometheus import answers
from servicesop.sources.prometheus.credentials import CredentialFiles
from servicesop.sources.prometheus.endpoints import Endpoint, Kind

MAX_BODY = 1024 * 1024
"""Bytes of an answer that are read; a longer one is an Error."""
MAX_AT_ONCE = 8
MAX_OF_NAMESPACE = 4
# The request ends before the check's own timeout does, so that its message says who is slow.
_WITHIN = 0.95
_REFUSED = {
    400: UnknownReason.QUERY_REFUSED,
    401: UnknownReason.AUTHENTICATION_FAILED,
    403: UnknownReason.AUTHENTICATION_FAILED,
    422: UnknownReason.QUERY_REFUSED,
    429: UnknownReason.SOURCE_BUSY,
    502: UnknownReason.UNREACHABLE,
    503: UnknownReason.SOURCE_BUSY,
    504: UnknownReason.TIMED_OUT,
}
_WORDS = {
    UnknownReason.QUERY_REFUSED: "does not take the query: it is no valid PromQL, or cannot be"
    " evaluated; try it by hand",
    UnknownReason.AUTHENTICATION_FAILED: "refuses the operator's credentials; tell the operator's"
    " administrator",
    UnknownReason.SOURCE_BUSY: "is overloaded or not ready",
    UnknownReason.UNREACHABLE: "cannot be reached through the proxy before it",
    UnknownReason.TIMED_OUT: "does not answer in time",
}


class Endpoints:
    """The administrator's endpoints. Close it at the end."""

    def __init__(self, endpoints: Iterable[Endpoint], guard: DialGuard) -> None:
        """`guard` gets the endpoints' own addresses as exceptions here, and for nobody else."""
        known = tuple(endpoints)
        own = guard.admitting(frozenset(endpoint.address for endpoint in known))
        self._http = HttpClient(own, keep_connections=True)
        self._known = {one.name: (one, CredentialFiles(one)) for one in known}
        self._turns = TurnTable(MAX_AT_ONCE, MAX_OF_NAMESPACE)

    async def close(self) -> None:
        """Drop all connections."""
        await self._http.close()

    def of(self, namespace: str) -> "Monitoring":
        """Give what the SOPs of a namespace may ask."""
        return Monitoring(self, namespace, self._turns.of(namespace))

    async def get(
        self,
        name: str,
        kind: Kind,
        namespace: str,
        path: str,
        parameters: Sequence[tuple[str, str]],
        within: float,
    ) -> bytes:
        """Ask an endpoint for a namespace, and give the body of its answer. Raise SourceError."""
        endpoint, files = self._usable(name, kind, namespace)
        credentials = await asyncio.to_thread(files.read)
        headers = {**credentials.headers, "Accept": "application/json"}
        given = list(parameters)
        if endpoint.tenancy is not None and endpoint.tenancy.header is not None:
            headers[endpoint.tenancy.header] = namespace
        if endpoint.tenancy is not None and endpoint.tenancy.namespace_param is not None:
            given.append((endpoint.tenancy.namespace_param, namespace))
        base = endpoint.url_parts
        request = Request(
            replace(base, target=f"{base.target.rstrip('/')}{path}?{urlencode(given)}"),
            headers=headers,
            tls=credentials.tls,
            max_body=MAX_BODY,
        )
        try:
            answer = await self._http.ask(request, within=within)
        except HttpFailure as failure:
            raise SourceError(
                failure.kind.reason, f"the endpoint {name} {failure.kind.words}"
            ) from None
        return _body(answer, f"the endpoint {name}")

    def _usable(self, name: str, kind: Kind, namespace: str) -> tuple[Endpoint, CredentialFiles]:
        found = self._known.get(name)
        if found is None or found[0].kind is not kind:
            raise SourceError(
                UnknownReason.ENDPOINT_NOT_FOUND,
                f"the operator's administrator has named no {kind} {name}; correct the connection's"
                " endpoint, or ask for it",
            )
        if not found[0].may_use(namespace):
            raise SourceError(
                UnknownReason.ENDPOINT_NOT_ALLOWED,
                f"SOPs of this namespace may not use the endpoint {name}; ask the operator's"
                " administrator to add the namespace to it",
            )
        return found


class Monitoring:
    """The endpoints, for the SOPs of one namespace."""

    def __init__(self, endpoints: Endpoints, namespace: str, turns: Turns) -> None:
        self._endpoints = endpoints
        self._namespace = namespace
        self.turns = turns

    def prometheus(self, connection: Connection) -> "PrometheusApi":
        """Give the Prometheus of a connection."""
        assert connection.prometheus is not None, "the SOP's rules see to it"
        return PrometheusApi(self._asker(connection.prometheus.endpoint, Kind.PROMETHEUS))

    def alertmanager(self, connection: Connection) -> "AlertmanagerApi":
        """Give the Alertmanager of a connection."""
        assert connection.alertmanager is not None, "the SOP's rules see to it"
        return AlertmanagerApi(self._asker(connection.alertmanager.endpoint, Kind.ALERTMANAGER))

    def _asker(self, name: str, kind: Kind) -> "_Asker":
        return _Asker(self._endpoints, name, kind, self._namespace)


class _Asker:
    """One endpoint, for one namespace."""

    def __init__(self, endpoints: Endpoints, name: str, kind: Kind, namespace: str) -> None:
        self._endpoints = endpoints
        self._name = name
        self._kind = kind
        self._namespace = namespace
        self.who = f"the endpoint {name}"

    async def get(self, path: str, parameters: Sequence[tuple[str, str]], seconds: float) -> bytes:
        return await self._endpoints.get(
            self._name, self._kind, self._namespace, path, parameters, seconds * _WITHIN
        )


class PrometheusApi:
    """One Prometheus, or what has its API."""

    def __init__(self, asker: _Asker) -> None:
        self._asker = asker

    async def query(self, expression: str, seconds: float) -> tuple[Series, ...]:
        """Ask for the present moment. Raise SourceError, DoubtError."""
        parameters = [("query", expression), ("timeout", f"{max(int(seconds * 1000), 1)}ms")]
        data = await self._data("/api/v1/query", parameters, seconds)
        return answers.series_of(data, self._asker.who)

    async def rules(self, alert: str, seconds: float) -> tuple[AlertingRule, ...]:
        """Ask for the alerting rules of a name. Raise SourceError, DoubtError."""
        data = await self._data(
            "/api/v1/rules", [("type", "alert"), ("rule_name[]", alert)], seconds
        )
        return answers.rules_of(data, alert, self._asker.who)

    async def _data(self, path: str, parameters: Sequence[tuple[str, str]], seconds: float) -> Any:
        body = await self._asker.get(path, parameters, seconds)
        return answers.data_of(body, self._asker.who)


class AlertmanagerApi:
    """One Alertmanager."""

    def __init__(self, asker: _Asker) -> None:
        self._asker = asker

    async def alerts(self, alert: Alert, seconds: float) -> tuple[ManagedAlert, ...]:
        """Ask for the alerts of that name and those labels that it holds. Raise SourceError."""
        matched = [("alertname", alert.name), *((one.name, one.value) for one in alert.labels)]
        filters = [("filter", f"{name}={_quoted(value)}") for name, value in matched]
        body = await self._asker.get("/api/v2/alerts", filters, seconds)
        return answers.managed_of(answers.json_of(body, self._asker.who), self._asker.who)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _body(answer: Answer, who: str) -> bytes:
    """Give the body of a good answer. Raise SourceError; nothing of another one is repeated."""
    reason = _REFUSED.get(answer.status)
    if reason is not None:
        raise SourceError(reason, f"{who} {_WORDS[reason]}")
    if answer.status != 200 or answer.encoded:
        raise answers.bad_answer(who)
    if not answer.complete:
        raise SourceError(
            UnknownReason.BAD_ANSWER,
            f"{who} gives more than {MAX_BODY // 1024} KiB; ask for less, by an aggregation or more"
            " labels",
        )
    return answer.body
