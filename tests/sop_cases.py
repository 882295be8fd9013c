"""A complete SOP, and every way to break it that the API server refuses, with its message."""

import copy
from dataclasses import dataclass
from typing import Any

import yaml

COMPLETE = """
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: fleet}
spec:
  title: Kafka Service Fleet Manager
  targets:
  - {name: api, ref: {kind: Deployment, name: kas-fleet-manager}}
  - {name: refresher, ref: {kind: Deployment, name: token-refresher}}
  connections:
  - name: database
    postgres: {secretRef: {name: kas-fleet-manager-rds-readonly}, keys: {host: db.host}}
  - name: metrics
    prometheus: {endpoint: cluster-monitoring}
  - name: alerts
    alertmanager: {endpoint: cluster-alerts}
  teams:
  - {name: control-plane, title: Control Plane}
  - {name: ocm-support, title: OCM support}
  links:
  - {name: sentry, title: Sentry, url: "https://sentry.example.com"}
  checks:
  - name: replicas-ready
    workload: {replicas: 3, minReady: 3}
  - name: cluster-leader
    leader: {workers: [cluster], lease: {connection: database, table: leader_leases}}
  - name: accepted-moves-on
    stuckRows:
      connection: database
      table: public.clusters
      statuses: [cluster_accepted]
      olderThan: 3m
  - name: ocm-accepts
    logs: {target: api, pattern: failed to create cluster, within: 10m, max: 0}
  - name: a-cluster-is-ready
    sql:
      connection: database
      query: SELECT count(*) FROM clusters WHERE status = 'ready' AND deleted_at IS NULL
      value: {min: "1", onEmpty: Failed}
  - name: clusters-move-on
    stuckRows:
      connection: database
      table: clusters
      limits:
      - {statuses: [cluster_provisioning, cluster_provisioned], olderThan: 45m}
      - {statuses: [failed], max: 0}
  - name: few-errors
    prometheus:
      connection: metrics
      query: {expr: "sum by (pod) (errors)", max: "0.1", onEmpty: Inconclusive, show: [pod]}
  - name: telemeter-up
    prometheus:
      connection: metrics
      alert:
        name: TelemeterDown
        labels: [{name: severity, value: critical}]
        alertmanager: alerts
        onEmpty: Inconclusive
  - name: refresher-answers
    http:
      service: {name: token-refresher, port: 80, path: /api/metrics/v1/managedkafka/api/v1/labels}
      maxSeconds: "2"
  procedures:
  - name: ClusterProvisioningLatency
    checks: [cluster-leader, accepted-moves-on]
    steps:
    - {manual: Look for the cause of the error, link: sentry}
    - {check: cluster-leader}
    handle:
    - name: no-leader
      when: {anyFailed: [cluster-leader/None]}
      remediate: {restart: {target: api}, verify: {checks: [cluster-leader]}}
      orElse: {to: [control-plane]}
    - name: rolls-out
      when: {allFailed: [replicas-ready/NotReady], allPassed: [cluster-leader/Many]}
      hold: {because: a rollout is running, atMost: 10m}
    - name: ocm-refuses
      when: {anyFailed: [ocm-accepts]}
      escalate: {to: [ocm-support]}
    - name: otherwise
      otherwise: true
      escalate: {to: [control-plane]}
  - name: ClusterProvisioningErrors
    checks: [ocm-accepts]
    stepsFrom: ClusterProvisioningLatency
  - name: ClusterProvisioningCorrectness
    sameAs: ClusterProvisioningLatency
"""

ABSENT = object()
"""As a new value: the field is taken away."""


@dataclass(frozen=True)
class Broken:
    """One change to the complete SOP that must be refused."""

    changes: dict[str, Any]
    """New values by path in the spec, `checks.0.name`."""
    says: str
    """What kubectl prints after `is invalid: `."""
    by_models: bool = True
    """Whether the models refuse it in the same words; they do not look at what names refer to."""

    def sop(self) -> dict[str, Any]:
        sop = complete()
        for path, value in self.changes.items():
            _put(sop["spec"], path.split("."), value)
        return sop


def complete() -> dict[str, Any]:
    sop: dict[str, Any] = yaml.safe_load(COMPLETE)
    return sop


def _put(node: Any, path: list[str], value: Any) -> None:
    key: Any = int(path[0]) if isinstance(node, list) else path[0]
    if path[1:]:
        _put(node[key], path[1:], value)
    elif value is ABSENT:
        del node[key]
    elif isinstance(node, list) and key == len(node):
        node.append(copy.deepcopy(value))
    else:
        node[key] = copy.deepcopy(value)


def _resource(**fields: Any) -> dict[str, Any]:
    spec = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "nightly",
        "condition": {"type": "Failed", "status": "False"},
    }
    return {"name": "jobs-run", "resource": _changed(spec, fields)}


def _events(**fields: Any) -> dict[str, Any]:
    return {"name": "quiet", "events": _changed({"type": "Warning", "within": "10m"}, fields)}


def _policies(**fields: Any) -> dict[str, Any]:
    spec = {"to": {"podLabels": {"app": "api"}}, "mustReach": [{"from": {"namespaceName": "web"}}]}
    return {"name": "admitted", "networkPolicy": _changed(spec, fields)}


def _reach(*ports: dict[str, Any], **peer: Any) -> dict[str, Any]:
    """A check of one peer and its ports."""
    return _policies(mustReach=[{"from": peer, "ports": list(ports)}])


def _config(*values: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "configured", "config": fields | {"values": list(values)}}


def _http(**fields: Any) -> dict[str, Any]:
    spec = {"url": "https://refresher.example.com/ready"}
    return {"name": "refresher-answers", "http": _changed(spec, fields)}


def _query(**fields: Any) -> dict[str, Any]:
    query = _changed({"expr": "errors", "max": "5", "onEmpty": "Failed"}, fields)
    return {"name": "few", "prometheus": {"connection": "metrics", "query": query}}


def _alert(**fields: Any) -> dict[str, Any]:
    alert = _changed({"name": "Down", "alertmanager": "alerts", "onEmpty": "Failed"}, fields)
    return {"name": "calm", "prometheus": {"alert": alert}}


def _metric(**fields: Any) -> dict[str, Any]:
    metric = _changed({"connection": "metrics", "expr": "leads", "worker": "worker"}, fields)
    return {"name": "led", "leader": {"workers": ["cluster"], "metric": metric}}


def _changed(spec: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (spec | fields).items() if value is not ABSENT}


_CONFIG_MAP = {"kind": "ConfigMap", "name": "fleet-config"}
_SECRET = {"kind": "Secret", "name": "fleet-secret"}

LEADER_LOGS = {"container": "service", "acquired": "{worker} leads", "lost": "{worker} led"}
"""Lines of a leader, as they should be."""

LOGIN = {"name": "login", "key": "key"}
"""A key of a Secret or ConfigMap."""
OAUTH2 = {"tokenUrl": "https://sso.example.com/token", "secretRef": {"name": "login"}}
"""How a token is got, as it should be."""
A_URL = (
    "must be a URL such as https://service.example.com:8443/path?query: http or https, a host name"
    " or an IP address ([...] for IPv6), no user, no fragment, other characters as %XX"
)
"""What the server says of any other."""


TYPES = "workload resource events logs leader sql stuckRows prometheus http config networkPolicy"
FINDINGS = (
    "workload: TooFewConfigured NotReady ImagePull ConfigError CrashLoop Restarting RolloutFailed,"
    " resource: ConditionNotMet Missing, events: Found,"
    " logs: TooMany TooFew SinglePod and its classes, leader: None Many NoHeartbeat,"
    " sql: TooMany TooFew Empty, stuckRows: Stuck TooMany TooFew,"
    " prometheus: Above Below Firing Empty,"
    " http: Timeout Refused Reset TLS Malformed Status Latency Body,"
    " config: Missing Empty TooShort Differs,"
    " networkPolicy: Missing TooNarrow TooWide SelectsNoPod"
)

BROKEN = {
    "a check of two types": Broken(
        {"checks.0.logs": {"pattern": "x", "within": "1m", "max": 0}},
        (f"spec.checks[0]: Invalid value: exactly one of the fields in [{TYPES}] must be set"),
    ),
    "a check of no type": Broken(
        {"checks.3.logs": ABSENT},
        (f"spec.checks[3]: Invalid value: exactly one of the fields in [{TYPES}] must be set"),
    ),
    "a workload check that asks nothing": Broken(
        {"checks.0.workload": {}},
        (
            "spec.checks[0].workload: Invalid value: at least one of the fields in "
            "[replicas minReady restarts] must be set"
        ),
    ),
    "restarts in a window of no length": Broken(
        {"checks.0.workload.restarts": {"max": 3, "within": "0s"}},
        ('spec.checks[0].workload.restarts.within: Invalid value: "0s": must be at least "1s"'),
    ),
    "a logs check without a limit": Broken(
        {"checks.3.logs.max": ABSENT},
        ("spec.checks[3].logs: Invalid value: at least one of the fields in [min max] must be set"),
    ),
    "logs limits that exclude each other": Broken(
        {"checks.3.logs.min": 1},
        "spec.checks[3].logs: Invalid value: min must not be greater than max",
    ),
    "a resource check of nothing": Broken(
        {"checks.4": _resource(name=ABSENT)},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[name selector] must be set"
        ),
    ),
    "a resource check by name and by selector": Broken(
        {"checks.4": _resource(selector={"matchLabels": {"app": "api"}}, onNone="Failed")},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[name selector] must be set"
        ),
    ),
    "a resource check without a demand": Broken(
        {"checks.4": _resource(condition=ABSENT)},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[condition phase] must be set"
        ),
    ),
    "a resource check with two demands": Broken(
        {"checks.4": _resource(phase="Bound")},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[condition phase] must be set"
        ),
    ),
    "a selector without onNone": Broken(
        {"checks.4": _resource(name=ABSENT, selector={"matchLabels": {"app": "api"}})},
        (
            "spec.checks[4].resource: Invalid value: onNone must be set with selector, and only "
            "with it (a named object that does not exist is the finding Missing)"
        ),
    ),
    "a named object with onNone": Broken(
        {"checks.4": _resource(onNone="Passed")},
        (
            "spec.checks[4].resource: Invalid value: onNone must be set with selector, and only "
            "with it (a named object that does not exist is the finding Missing)"
        ),
    ),
    "a resource check of a Secret": Broken(
        {"checks.4": _resource(apiVersion="v1", kind="Secret")},
        (
            "spec.checks[4].resource: Invalid value: kind must not be Secret: the check config "
            "asks for the keys of one"
        ),
    ),
    "an apiVersion that is none": Broken(
        {"checks.4": _resource(apiVersion="a/b/c")},
        (
            'spec.checks[4].resource.apiVersion: Invalid value: "a/b/c": must be an apiVersion '
            'such as "v1", "batch/v1" or "cert-manager.io/v1"'
        ),
    ),
    "a kind that is none": Broken(
        {"checks.4": _resource(kind="jobs")},
        (
            'spec.checks[4].resource.kind: Invalid value: "jobs": must be a kind such as "Job": '
            "letters and digits, starting with a capital letter"
        ),
    ),
    "labels that are none": Broken(
        {
            "checks.4": _resource(
                name=ABSENT, selector={"matchLabels": {"app": "api,x=y"}}, onNone="Failed"
            )
        },
        (
            "spec.checks[4].resource.selector.matchLabels: Invalid value: must be "
            "labels: names and values of letters, digits, '-', '_' and '.', starting and ending "
            "with a letter or digit"
        ),
    ),
    "the name of a label that is none": Broken(
        {
            "checks.4": _resource(
                name=ABSENT, selector={"matchLabels": {"app in (x),y": "z"}}, onNone="Failed"
            )
        },
        (
            "spec.checks[4].resource.selector.matchLabels: Invalid value: must be "
            "labels: names and values of letters, digits, '-', '_' and '.', starting and ending "
            "with a letter or digit"
        ),
    ),
    "a condition type that is none": Broken(
        {"checks.4": _resource(condition={"type": "Ready!"})},
        (
            'spec.checks[4].resource.condition.type: Invalid value: "Ready!": must be the type of '
            "a condition such as \"Ready\": letters, digits, '-', '_' and '.'"
        ),
    ),
    "a phase that is none": Broken(
        {"checks.4": _resource(condition=ABSENT, phase="not a word")},
        (
            'spec.checks[4].resource.phase: Invalid value: "not a word": must be a phase such as '
            '"Bound": letters and digits'
        ),
    ),
    "an events check that asks for nothing": Broken(
        {"checks.4": _events(type=ABSENT)},
        (
            "spec.checks[4].events: Invalid value: at least one of the fields in "
            "[pattern reasons type] must be set"
        ),
    ),
    "an events check of two things": Broken(
        {"checks.4": _events(target="api", involved={"kind": "Job"})},
        (
            "spec.checks[4].events: Invalid value: at most one of the fields in "
            "[target involved] may be set"
        ),
    ),
    "a window of events that the API server does not keep": Broken(
        {"checks.4": _events(within="1h1s")},
        (
            "spec.checks[4].events.within: Invalid value: within must not be more than 1h: "
            "the API server keeps Events no longer"
        ),
    ),
    "a window of events that is none": Broken(
        {"checks.4": _events(within="soon")},
        (
            'spec.checks[4].events.within: Invalid value: "soon": must be a duration such as '
            '"30s", "3m" or "1h30m"'
        ),
    ),
    "a reason of events that is none": Broken(
        {"checks.4": _events(reasons=["Back-off"])},
        (
            'spec.checks[4].events.reasons[0]: Invalid value: "Back-off": must be the reason of an '
            'Event such as "FailedScheduling": letters and digits'
        ),
    ),
    "events of a target that is not listed": Broken(
        {"checks.4": _events(target="other")},
        (
            "spec.checks: Invalid value: checks[].events.target must be the name of one of "
            "spec.targets; wrong in quiet"
        ),
        by_models=False,
    ),
    "a config check without values": Broken(
        {"checks.6": _config(target="refresher")},
        "spec.checks[6].config.values: Invalid value: values must hold at least one value",
    ),
    "a value that is nowhere": Broken(
        {"checks.6": _config({"nonEmpty": True})},
        (
            "spec.checks[6].config.values[0]: Invalid value: exactly one of the fields in "
            "[env argument key] must be set"
        ),
    ),
    "a value in two places": Broken(
        {"checks.6": _config({"env": "URL", "argument": "--url"})},
        (
            "spec.checks[6].config.values[0]: Invalid value: exactly one of the fields in "
            "[env argument key] must be set"
        ),
    ),
    "a value that is compared twice": Broken(
        {"checks.6": _config({"env": "URL", "equals": "x", "url": "https://x"})},
        (
            "spec.checks[6].config.values[0]: Invalid value: at most one of the fields in "
            "[equals url matches] may be set"
        ),
    ),
    "a key without an object": Broken(
        {"checks.6": _config({"env": "URL"}, {"key": "url"})},
        (
            "spec.checks[6].config.values: Invalid value: values must each have a key when object "
            "is set, and env or argument otherwise"
        ),
    ),
    "an argument of an object": Broken(
        {"checks.6": _config({"argument": "--url"}, object=_CONFIG_MAP)},
        (
            "spec.checks[6].config.values: Invalid value: values must each have a key when object "
            "is set, and env or argument otherwise"
        ),
    ),
    "an object with a container": Broken(
        {"checks.6": _config({"key": "url"}, object=_CONFIG_MAP, container="service")},
        ("spec.checks[6].config: Invalid value: target and container must not be set with object"),
    ),
    "an object with a target": Broken(
        {"checks.6": _config({"key": "url"}, object=_CONFIG_MAP, target="api")},
        ("spec.checks[6].config: Invalid value: target and container must not be set with object"),
    ),
    "a Secret that is compared": Broken(
        {"checks.6": _config({"key": "id"}, {"key": "token", "equals": "x"}, object=_SECRET)},
        (
            "spec.checks[6].config.values: Invalid value: values of a Secret must not have one of "
            "[equals url matches]: they may be asked for nonEmpty and minLength only"
        ),
    ),
    "a Secret that is compared as a URL": Broken(
        {"checks.6": _config({"key": "token", "url": "https://x"}, object=_SECRET)},
        (
            "spec.checks[6].config.values: Invalid value: values of a Secret must not have one of "
            "[equals url matches]: they may be asked for nonEmpty and minLength only"
        ),
    ),
    "a Secret that is matched": Broken(
        {"checks.6": _config({"key": "token", "matches": "a.*"}, object=_SECRET)},
        (
            "spec.checks[6].config.values: Invalid value: values of a Secret must not have one of "
            "[equals url matches]: they may be asked for nonEmpty and minLength only"
        ),
    ),
    "a variable that is none": Broken(
        {"checks.6": _config({"env": "A=B"})},
        (
            'spec.checks[6].config.values[0].env: Invalid value: "A=B": must be the name of an '
            "environment variable: letters, digits, '-', '_' and '.', not starting with a digit"
        ),
    ),
    "a flag with its value": Broken(
        {"checks.6": _config({"argument": "--url=x"})},
        (
            'spec.checks[6].config.values[0].argument: Invalid value: "--url=x": must be a flag '
            'with its dashes and without its value, such as "--url"; flags of one letter are not '
            "supported"
        ),
    ),
    "a key that is none": Broken(
        {"checks.6": _config({"key": "a/b"}, object=_CONFIG_MAP)},
        (
            'spec.checks[6].config.values[0].key: Invalid value: "a/b": must be a key of a '
            "ConfigMap or Secret: letters, digits, '-', '_' and '.'"
        ),
    ),
    "a URL that is none": Broken(
        {"checks.6": _config({"env": "URL", "url": "sso.example.com"})},
        (
            'spec.checks[6].config.values[0].url: Invalid value: "sso.example.com": must be an '
            "http:// or https:// URL"
        ),
    ),
    "values of an unknown target": Broken(
        {"checks.6": _config({"env": "URL"}, target="app")},
        (
            "spec.checks: Invalid value: checks[].config.target must be the name of one of "
            "spec.targets; wrong in configured"
        ),
        by_models=False,
    ),
    "a query check that compares nothing": Broken(
        {"checks.4.sql.value": ABSENT},
        (
            "spec.checks[4].sql: Invalid value: exactly one of the fields in [value rows] must be "
            "set"
        ),
    ),
    "a query check that compares both": Broken(
        {"checks.4.sql.rows": {"min": 1}},
        (
            "spec.checks[4].sql: Invalid value: exactly one of the fields in [value rows] must be "
            "set"
        ),
    ),
    "a value without a limit": Broken(
        {"checks.4.sql.value": {"onEmpty": "Passed"}},
        (
            "spec.checks[4].sql.value: Invalid value: at least one of the fields in [min max] must "
            "be set"
        ),
    ),
    "value limits that exclude each other": Broken(
        {"checks.4.sql.value": {"min": "10", "max": "9.5", "onEmpty": "Passed"}},
        "spec.checks[4].sql.value: Invalid value: min must not be greater than max",
    ),
    "a value limit that is no number": Broken(
        {"checks.4.sql.value": {"min": "1e3", "onEmpty": "Passed"}},
        (
            'spec.checks[4].sql.value.min: Invalid value: "1e3": must be a quoted decimal such as '
            '"5", "0.8" or "-1.5"'
        ),
    ),
    "row limits that exclude each other": Broken(
        {"checks.4.sql.value": ABSENT, "checks.4.sql.rows": {"min": 2, "max": 1}},
        "spec.checks[4].sql.rows: Invalid value: min must not be greater than max",
    ),
    "rows without a limit": Broken(
        {"checks.4.sql.value": ABSENT, "checks.4.sql.rows": {}},
        (
            "spec.checks[4].sql.rows: Invalid value: at least one of the fields in [min max] must "
            "be set"
        ),
    ),
    "a query that is none": Broken(
        {"checks.4.sql.query": "DELETE FROM clusters"},
        (
            'spec.checks[4].sql.query: Invalid value: "DELETE FROM clusters": must be one query '
            "that begins with SELECT or WITH"
        ),
    ),
    "a query with a parameter": Broken(
        {"checks.4.sql.query": "SELECT $1"},
        (
            'spec.checks[4].sql.query: Invalid value: "SELECT $1": must not hold parameters such '
            "as $1; write the values into the query"
        ),
    ),
    "stuck rows in two forms": Broken(
        {"checks.5.stuckRows.statuses": ["failed"], "checks.5.stuckRows.max": 0},
        (
            "spec.checks[5].stuckRows: Invalid value: exactly one of the fields in [statuses "
            "limits] must be set"
        ),
    ),
    "stuck rows of no status": Broken(
        {"checks.2.stuckRows.statuses": ABSENT, "checks.2.stuckRows.olderThan": ABSENT},
        (
            "spec.checks[2].stuckRows: Invalid value: exactly one of the fields in [statuses "
            "limits] must be set"
        ),
    ),
    "stuck rows that may stay for ever": Broken(
        {"checks.2.stuckRows.olderThan": ABSENT},
        (
            "spec.checks[2].stuckRows: Invalid value: beside statuses, at least one of the fields "
            "in [olderThan min max] must be set"
        ),
    ),
    "a limit beside limits": Broken(
        {"checks.5.stuckRows.olderThan": "1m"},
        (
            "spec.checks[5].stuckRows: Invalid value: olderThan, min and max are only allowed "
            "beside statuses; each of limits has its own"
        ),
    ),
    "a limit on rows that limits nothing": Broken(
        {"checks.5.stuckRows.limits.1.max": ABSENT},
        (
            "spec.checks[5].stuckRows.limits[1]: Invalid value: at least one of the fields in "
            "[olderThan min max] must be set"
        ),
    ),
    "counts of rows that exclude each other": Broken(
        {"checks.5.stuckRows.limits.1.min": 1},
        "spec.checks[5].stuckRows.limits[1]: Invalid value: min must not be greater than max",
    ),
    "counts of rows that exclude each other beside statuses": Broken(
        {"checks.2.stuckRows.min": 2, "checks.2.stuckRows.max": 1},
        "spec.checks[2].stuckRows: Invalid value: min must not be greater than max",
    ),
    "an HTTP check of nothing": Broken(
        {"checks.8": _http(url=ABSENT)},
        (
            "spec.checks[8].http: Invalid value: exactly one of the fields in [url service] must "
            "be set"
        ),
    ),
    "an HTTP check of two servers": Broken(
        {"checks.8": _http(service={"name": "refresher", "port": 80})},
        (
            "spec.checks[8].http: Invalid value: exactly one of the fields in [url service] must "
            "be set"
        ),
    ),
    "a URL with a user": Broken(
        {"checks.8": _http(url="http://user@example.com/")},
        f'spec.checks[8].http.url: Invalid value: "http://user@example.com/": {A_URL}',
    ),
    "a URL with a port that is none": Broken(
        {"checks.8": _http(url="http://example.com:65536/")},
        f'spec.checks[8].http.url: Invalid value: "http://example.com:65536/": {A_URL}',
    ),
    "a URL of another scheme": Broken(
        {"checks.8": _http(url="file:///etc/passwd")},
        f'spec.checks[8].http.url: Invalid value: "file:///etc/passwd": {A_URL}',
    ),
    "a path with a fragment": Broken(
        {"checks.8": _http(url=ABSENT, service={"name": "r", "port": 80, "path": "/a#b"})},
        (
            'spec.checks[8].http.service.path: Invalid value: "/a#b": must be a path such as '
            "/ready?full=1: no fragment, other characters as %XX"
        ),
    ),
    "a latency of nothing": Broken(
        {"checks.8": _http(maxSeconds="0")},
        ("spec.checks[8].http.maxSeconds: Invalid value: maxSeconds must be greater than 0"),
    ),
    "a body that may be anything": Broken(
        {"checks.8": _http(body={})},
        (
            "spec.checks[8].http.body: Invalid value: at least one of the fields in [matches "
            "lacks] must be set"
        ),
    ),
    "a header of the connection's": Broken(
        {"checks.8": _http(headers=[{"header": "Host", "secretKeyRef": LOGIN}])},
        (
            'spec.checks[8].http.headers[0].header: Invalid value: "Host": must not be a header '
            "that the operator sets itself [host content-length transfer-encoding connection "
            "keep-alive te trailer upgrade expect accept-encoding user-agent]"
        ),
    ),
    "a header of two lines": Broken(
        {"checks.8": _http(headers=[{"header": "X-A: b", "secretKeyRef": LOGIN}])},
        (
            'spec.checks[8].http.headers[0].header: Invalid value: "X-A: b": must be the name of a '
            "header such as \"X-Api-Key\": letters, digits and '-'"
        ),
    ),
    "two tokens at once": Broken(
        {
            "checks.8": _http(
                headers=[{"header": "authorization", "secretKeyRef": LOGIN}], oauth2=OAUTH2
            )
        },
        (
            "spec.checks[8].http.headers: Invalid value: headers must not hold Authorization when "
            "oauth2 is set"
        ),
    ),
    "two scopes in one": Broken(
        {"checks.8": _http(oauth2=OAUTH2 | {"scopes": ["a b"]})},
        (
            'spec.checks[8].http.oauth2.scopes[0]: Invalid value: "a b": must be one scope: no '
            "blanks, quotes or backslashes"
        ),
    ),
    "authorities in two places": Broken(
        {"checks.8": _http(ca={"secretKeyRef": LOGIN, "configMapKeyRef": LOGIN})},
        (
            "spec.checks[8].http.ca: Invalid value: exactly one of the fields in [secretKeyRef "
            "configMapKeyRef] must be set"
        ),
    ),
    "authorities without TLS": Broken(
        {"checks.8": _http(url="http://example.com/", ca={"secretKeyRef": LOGIN})},
        "spec.checks[8].http.ca: Invalid value: ca must not be set without https",
    ),
    "authorities without TLS of a Service": Broken(
        {
            "checks.8": _http(
                url=ABSENT, service={"name": "r", "port": 80}, ca={"configMapKeyRef": LOGIN}
            )
        },
        "spec.checks[8].http.ca: Invalid value: ca must not be set without https",
    ),
    "a key of a ConfigMap that is none": Broken(
        {"checks.8": _http(ca={"configMapKeyRef": {"name": "ca", "key": "a b"}})},
        (
            'spec.checks[8].http.ca.configMapKeyRef.key: Invalid value: "a b": must be a key of a '
            "ConfigMap or Secret: letters, digits, '-', '_' and '.'"
        ),
    ),
    "a class without a pattern": Broken(
        {"checks.3.logs.classes": [{"name": "RateLimit"}]},
        (
            "spec.checks[3].logs.classes[0]: Invalid value: exactly one of the fields in "
            "[pattern rest] must be set"
        ),
    ),
    "a class with a pattern that takes the rest": Broken(
        {"checks.3.logs.classes": [{"name": "Other", "pattern": "x", "rest": True}]},
        (
            "spec.checks[3].logs.classes[0]: Invalid value: exactly one of the fields in "
            "[pattern rest] must be set"
        ),
    ),
    "two classes for the rest": Broken(
        {"checks.3.logs.classes": [{"name": "A", "rest": True}, {"name": "B", "rest": True}]},
        "spec.checks[3].logs: Invalid value: at most one of classes may be the rest",
    ),
    "two classes of one name": Broken(
        {"checks.3.logs.classes": [{"name": "A", "pattern": "x"}, {"name": "A", "rest": True}]},
        (
            "spec.checks[3].logs.classes: Invalid value: the names in classes must be unique: "
            "there are two A"
        ),
    ),
    "classes of too few": Broken(
        {
            "checks.3.logs": {
                **{"pattern": "x", "within": "1m", "min": 1},
                "classes": [{"name": "A", "rest": True}],
            }
        },
        (
            "spec.checks[3].logs: Invalid value: classes are only allowed beside max: they say "
            "what there is too much of"
        ),
    ),
    "a class named in several words": Broken(
        {"checks.3.logs.classes": [{"name": "rate-limit", "pattern": "429"}]},
        (
            'spec.checks[3].logs.classes[0].name: Invalid value: "rate-limit": must be one '
            "CamelCase word such as RateLimit: it becomes a finding"
        ),
    ),
    "a class named as a finding": Broken(
        {"checks.3.logs.classes": [{"name": "SinglePod", "pattern": "429"}]},
        (
            'spec.checks[3].logs.classes[0].name: Invalid value: "SinglePod": must not be one of '
            "the findings [TooMany, TooFew, SinglePod], which every logs check has"
        ),
    ),
    "a share of more than all": Broken(
        {"checks.3.logs.classes": [{"name": "A", "rest": True, "minShare": "1.5"}]},
        (
            "spec.checks[3].logs.classes[0]: Invalid value: minShare must be greater than "
            '"0" and at most "1"'
        ),
    ),
    "a share that is no number": Broken(
        {"checks.3.logs.classes": [{"name": "A", "rest": True, "minShare": "half"}]},
        (
            'spec.checks[3].logs.classes[0].minShare: Invalid value: "half": must be a quoted '
            'decimal such as "5", "0.8" or "-1.5"'
        ),
    ),
    "a pattern that RE2 does not know": Broken(
        {"checks.3.logs.pattern": "(?=x)"},
        (
            'spec.checks[3].logs.pattern: Invalid value: "string": error parsing '
            "regexp: invalid or unsupported Perl syntax: `(?=` evaluating rule: "
            "must be a valid RE2 pattern (no look-around, no backreferences)"
        ),
        by_models=False,
    ),
    "two targets of one name": Broken(
        {"targets.1.name": "api"},
        ("spec.targets: Invalid value: the names in targets must be unique: there are two api"),
        by_models=False,
    ),
    "a certificate authority that is not used": Broken(
        {"connections.0.postgres.tls": "Require", "connections.0.postgres.keys.ca": "db.ca_cert"},
        "spec.connections[0].postgres: Invalid value: `keys.ca` must be set when, and only when, "
        "`tls` is VerifyFull",
    ),
    "a certificate that nobody can verify": Broken(
        {"connections.0.postgres.tls": "VerifyFull"},
        "spec.connections[0].postgres: Invalid value: `keys.ca` must be set when, and only when, "
        "`tls` is VerifyFull",
    ),
    "two connections of one name": Broken(
        {"connections.3": {"name": "database", "postgres": {"secretRef": {"name": "x"}}}},
        (
            "spec.connections: Invalid value: the names in connections must be "
            "unique: there are two database"
        ),
        by_models=False,
    ),
    "two teams of one name": Broken(
        {"teams.2": {"name": "ocm-support", "title": "OCM"}},
        ("spec.teams: Invalid value: the names in teams must be unique: there are two ocm-support"),
        by_models=False,
    ),
    "two links of one name": Broken(
        {"links.1": {"name": "sentry", "title": "S", "url": "https://s.example.com"}},
        ("spec.links: Invalid value: the names in links must be unique: there are two sentry"),
        by_models=False,
    ),
    "two checks of one name": Broken(
        {"checks.4": {"name": "ocm-accepts", "workload": {"replicas": 1}}},
        (
            "spec.checks: Invalid value: the names in checks must be unique: there "
            "are two ocm-accepts"
        ),
        by_models=False,
    ),
    "two procedures of one name": Broken(
        {"procedures.1.name": "ClusterProvisioningCorrectness"},
        (
            "spec.procedures: Invalid value: the names in procedures must be "
            "unique: there are two ClusterProvisioningCorrectness"
        ),
        by_models=False,
    ),
    "two rows of one name": Broken(
        {"procedures.0.handle.2.name": "no-leader"},
        (
            "spec.procedures[0].handle: Invalid value: the names in handle must be "
            "unique: there are two no-leader"
        ),
        by_models=False,
    ),
    "a name in capitals": Broken(
        {"checks.0.name": "Replicas", "procedures.0.handle.1.when.allFailed": ["ocm-accepts"]},
        (
            'spec.checks[0].name: Invalid value: "Replicas": must be lower case '
            "letters, digits and '-', starting and ending with a letter or digit"
        ),
    ),
    "a workload that is no object name": Broken(
        {"targets.0.ref.name": "Kas_Fleet"},
        (
            'spec.targets[0].ref.name: Invalid value: "Kas_Fleet": must be the name'
            " of a Kubernetes object: lower case letters, digits, '-' and '.'"
        ),
    ),
    "a key that no Secret can have": Broken(
        {"connections.0.postgres.keys.port": "db/port"},
        (
            'spec.connections[0].postgres.keys.port: Invalid value: "db/port": must'
            " be a key of a ConfigMap or Secret: letters, digits, '-', '_' and '.'"
        ),
    ),
    "a link that is no URL": Broken(
        {"links.0.url": "sentry.example.com"},
        (
            'spec.links[0].url: Invalid value: "sentry.example.com": must be an '
            "http:// or https:// URL"
        ),
    ),
    "a leader check that asks nobody": Broken(
        {"checks.1.leader.lease": ABSENT},
        (
            "spec.checks[1].leader: Invalid value: at least one of the fields in "
            "[lease kubernetesLease metric logs] must be set"
        ),
    ),
    "leases in a table and in Kubernetes": Broken(
        {"checks.1.leader.kubernetesLease": {"name": "orders"}},
        (
            "spec.checks[1].leader: Invalid value: lease and kubernetesLease exclude each other:"
            " one of them says who leads"
        ),
    ),
    "a leader check without workers": Broken(
        {"checks.1.leader.workers": ABSENT},
        (
            "spec.checks[1].leader: Invalid value: workers must be named, unless"
            " kubernetesLease.name is the name of a single Lease"
        ),
    ),
    "a Lease for several workers": Broken(
        {
            "checks.1.leader": {
                "workers": ["cluster", "dns"],
                "kubernetesLease": {"name": "orders"},
            }
        },
        (
            "spec.checks[1].leader: Invalid value: kubernetesLease.name must hold {worker} when"
            " there are several workers"
        ),
    ),
    "a worker that no Lease can be named after": Broken(
        {
            "checks.1.leader": {
                "workers": ["accepted_kafka"],
                "kubernetesLease": {"name": "orders-{worker}"},
            }
        },
        (
            "spec.checks[1].leader: Invalid value: workers that stand in kubernetesLease.name must"
            " be lower case letters, digits, '-' and '.'"
        ),
    ),
    "a Lease whose name leads elsewhere": Broken(
        {"checks.1.leader": {"kubernetesLease": {"name": "../pods"}}},
        (
            'spec.checks[1].leader.kubernetesLease.name: Invalid value: "../pods": must be the'
            " name of a Lease: lower case letters, digits, '-' and '.', with {worker} in it at"
            " most once"
        ),
    ),
    "a leader's line that does not name its worker": Broken(
        {
            "checks.1.leader": {
                "workers": ["cluster", "dns"],
                "logs": LEADER_LOGS | {"lost": "leads no more"},
            }
        },
        (
            "spec.checks[1].leader: Invalid value: every pattern of logs must hold {worker} when"
            " there are several workers"
        ),
    ),
    "a printed worker that is none": Broken(
        {"checks.1.leader.logs": LEADER_LOGS | {"printed": [{"worker": "dns", "text": "DNS"}]}},
        "spec.checks[1].leader: Invalid value: logs.printed must name workers of this check",
    ),
    "two workers that are printed alike": Broken(
        {
            "checks.1.leader": {
                "workers": ["cluster", "dns"],
                "logs": LEADER_LOGS
                | {
                    "printed": [
                        {"worker": "dns", "text": "Manager"},
                        {"worker": "cluster", "text": "Manager"},
                    ]
                },
            }
        },
        (
            "spec.checks[1].leader.logs: Invalid value: printed must not name a worker twice, or"
            " print two workers in the same way"
        ),
    ),
    "a leader's line with its worker twice": Broken(
        {"checks.1.leader.logs": LEADER_LOGS | {"acquired": "{worker} leads {worker}"}},
        (
            'spec.checks[1].leader.logs.acquired: Invalid value: "{worker} leads {worker}": must'
            " not hold {worker} or {holder} more than once"
        ),
        by_models=False,
    ),
    "an unknown target of a leader check": Broken(
        {"checks.1.leader.logs": LEADER_LOGS | {"target": "app"}},
        (
            "spec.checks: Invalid value: checks[].leader.logs.target must be the name of one of"
            " spec.targets; wrong in cluster-leader"
        ),
        by_models=False,
    ),
    "a table with a semicolon": Broken(
        {"checks.1.leader.lease.table": "leases;drop"},
        (
            'spec.checks[1].leader.lease.table: Invalid value: "leases;drop": must '
            "be a table, or schema.table: letters, digits and '_'"
        ),
    ),
    "a column with a blank": Broken(
        {"checks.2.stuckRows.columns": {"status": "the status"}},
        (
            'spec.checks[2].stuckRows.columns.status: Invalid value: "the status": '
            "must be a plain SQL identifier: letters, digits and '_', not starting "
            "with a digit"
        ),
    ),
    "a duration in words": Broken(
        {"every": "often"},
        ('spec.every: Invalid value: "often": must be a duration such as "30s", "3m" or "1h30m"'),
    ),
    "no duration at all": Broken(
        {"checks.1.leader.forNone": ""},
        (
            'spec.checks[1].leader.forNone: Invalid value: "": must be a duration '
            'such as "30s", "3m" or "1h30m"'
        ),
    ),
    "an interval below a second": Broken(
        {"every": "0s"}, 'spec.every: Invalid value: "0s": must be at least "1s"'
    ),
    "a check interval below a second": Broken(
        {"checks.0.every": "0s"}, 'spec.checks[0].every: Invalid value: "0s": must be at least "1s"'
    ),
    "a procedure named in several words": Broken(
        {"procedures.2.name": "provisioning-correctness"},
        (
            'spec.procedures[2].name: Invalid value: "provisioning-correctness": '
            "must be one CamelCase word such as OSDClusterProvisioningLatency: it "
            "becomes a condition type"
        ),
    ),
    "a procedure named as a fixed condition": Broken(
        {"procedures.2.name": "Healthy"},
        (
            'spec.procedures[2].name: Invalid value: "Healthy": must not be one of '
            "the fixed conditions [Ready, Healthy, RemediationAllowed, Remediating,"
            " Escalated, Stalled, Reconciling]"
        ),
    ),
    "a procedure with a table and a reference to one": Broken(
        {"procedures.0.stepsFrom": "ClusterProvisioningLatency"},
        (
            "spec.procedures[0]: Invalid value: exactly one of the fields in "
            "[handle stepsFrom sameAs] must be set"
        ),
    ),
    "a procedure without a table": Broken(
        {"procedures.1.stepsFrom": ABSENT},
        (
            "spec.procedures[1]: Invalid value: exactly one of the fields in "
            "[handle stepsFrom sameAs] must be set"
        ),
    ),
    "a procedure without checks": Broken(
        {"procedures.1.checks": ABSENT},
        (
            "spec.procedures[1]: Invalid value: exactly one of the fields in "
            "[checks sameAs] must be set"
        ),
    ),
    "a second title with checks of its own": Broken(
        {"procedures.2.checks": ["ocm-accepts"]},
        (
            "spec.procedures[2]: Invalid value: exactly one of the fields in "
            "[checks sameAs] must be set"
        ),
    ),
    "steps beside stepsFrom": Broken(
        {"procedures.1.steps": [{"check": "ocm-accepts"}]},
        (
            "spec.procedures[1]: Invalid value: steps are only allowed beside "
            "handle; with stepsFrom or sameAs they come from the other procedure"
        ),
    ),
    "a step that is nothing": Broken(
        {"procedures.0.steps.1": {"informational": True}},
        (
            "spec.procedures[0].steps[1]: Invalid value: exactly one of the fields "
            "in [manual check] must be set"
        ),
    ),
    "a step that is two things": Broken(
        {"procedures.0.steps.0.check": "ocm-accepts"},
        (
            "spec.procedures[0].steps[0]: Invalid value: exactly one of the fields "
            "in [manual check] must be set"
        ),
    ),
    "a link beside a check": Broken(
        {"procedures.0.steps.1.link": "sentry"},
        ("spec.procedures[0].steps[1]: Invalid value: link is only allowed beside manual"),
    ),
    "a row that is conditional and last": Broken(
        {"procedures.0.handle.3.when": {"anyFailed": ["ocm-accepts"]}},
        (
            "spec.procedures[0].handle[3]: Invalid value: exactly one of the fields"
            " in [when otherwise] must be set"
        ),
    ),
    "a row that is never true": Broken(
        {"procedures.0.handle.2.when": ABSENT},
        (
            "spec.procedures[0].handle[2]: Invalid value: exactly one of the fields"
            " in [when otherwise] must be set"
        ),
    ),
    "a row with two outcomes": Broken(
        {"procedures.0.handle.2.hold": {"because": "x", "atMost": "1m"}},
        (
            "spec.procedures[0].handle[2]: Invalid value: exactly one of the fields"
            " in [remediate escalate hold] must be set"
        ),
    ),
    "a row without an outcome": Broken(
        {"procedures.0.handle.2.escalate": ABSENT},
        (
            "spec.procedures[0].handle[2]: Invalid value: exactly one of the fields"
            " in [remediate escalate hold] must be set"
        ),
    ),
    "orElse beside escalate": Broken(
        {"procedures.0.handle.2.orElse": {"to": ["control-plane"]}},
        ("spec.procedures[0].handle[2]: Invalid value: orElse is only allowed beside remediate"),
    ),
    "a last row that waits": Broken(
        {
            "procedures.0.handle.3.escalate": ABSENT,
            "procedures.0.handle.3.hold": {"because": "x", "atMost": "1m"},
        },
        ("spec.procedures[0].handle[3]: Invalid value: the row with otherwise must escalate"),
    ),
    "a table without a last row": Broken(
        {"procedures.0.handle.3": ABSENT},
        (
            "spec.procedures[0].handle: Invalid value: the last row of handle, and "
            "no other, must be the one with otherwise: true"
        ),
    ),
    "a table whose last row is not last": Broken(
        {
            "procedures.0.handle.4": {
                "name": "late",
                "when": {"anyFailed": ["ocm-accepts"]},
                "escalate": {"to": ["ocm-support"]},
            }
        },
        (
            "spec.procedures[0].handle: Invalid value: the last row of handle, and "
            "no other, must be the one with otherwise: true"
        ),
    ),
    "a table with two last rows": Broken(
        {"procedures.0.handle.2.when": ABSENT, "procedures.0.handle.2.otherwise": True},
        (
            "spec.procedures[0].handle: Invalid value: the last row of handle, and "
            "no other, must be the one with otherwise: true"
        ),
    ),
    "a condition that names nothing": Broken(
        {"procedures.0.handle.2.when": {}},
        (
            "spec.procedures[0].handle[2].when: Invalid value: at least one of the "
            "fields in [anyFailed allFailed allPassed] must be set"
        ),
    ),
    "a remediation without an action": Broken(
        {"procedures.0.handle.0.remediate.restart": ABSENT},
        (
            "spec.procedures[0].handle[0].remediate: Invalid value: exactly one of "
            "the fields in [restart] must be set"
        ),
    ),
    "an unknown target of a workload check": Broken(
        {"checks.0.workload.target": "app"},
        (
            "spec.checks: Invalid value: checks[].workload.target must be the name "
            "of one of spec.targets; wrong in replicas-ready"
        ),
        by_models=False,
    ),
    "an unknown target of a logs check": Broken(
        {"checks.3.logs.target": "app"},
        (
            "spec.checks: Invalid value: checks[].logs.target must be the name of "
            "one of spec.targets; wrong in ocm-accepts"
        ),
        by_models=False,
    ),
    "an unknown target of a restart": Broken(
        {"procedures.0.handle.0.remediate.restart.target": "app"},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.restart.target must be the name of one"
            " of spec.targets; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "no targets": Broken(
        {
            "targets": ABSENT,
            "checks.3.logs.target": ABSENT,
            "procedures.0.handle.0.remediate.restart.target": ABSENT,
        },
        (
            "spec.targets: Invalid value: targets must hold at least one workload "
            "when one of [workload events logs config networkPolicy restart] is used"
        ),
        by_models=False,
    ),
    "an unknown connection of a leader check": Broken(
        {"checks.1.leader.lease.connection": "db"},
        (
            "spec.checks: Invalid value: checks[].leader.lease.connection must be "
            "the name of one of spec.connections that has postgres; wrong in cluster-leader"
        ),
        by_models=False,
    ),
    "an unknown connection of a query check": Broken(
        {"checks.4.sql.connection": "db"},
        (
            "spec.checks: Invalid value: checks[].sql.connection must be the "
            "name of one of spec.connections that has postgres; wrong in a-cluster-is-ready"
        ),
        by_models=False,
    ),
    "a prometheus check of a query and an alert": Broken(
        {"checks.4": _query(), "checks.4.prometheus.alert": {"name": "Down", "onEmpty": "Passed"}},
        (
            "spec.checks[4].prometheus: Invalid value: exactly one of the fields in [query alert] "
            "must be set"
        ),
    ),
    "a query that nobody is asked": Broken(
        {"checks.4": _query(), "checks.4.prometheus.connection": ABSENT},
        (
            "spec.checks[4].prometheus: Invalid value: connection must be set; only an alert may "
            "name an Alertmanager alone"
        ),
    ),
    "an alert that nobody is asked for": Broken(
        {"checks.4": _alert(alertmanager=ABSENT)},
        (
            "spec.checks[4].prometheus: Invalid value: connection must be set; only an alert may "
            "name an Alertmanager alone"
        ),
    ),
    "a query without limits": Broken(
        {"checks.4": _query(max=ABSENT)},
        (
            "spec.checks[4].prometheus.query: Invalid value: at least one of the fields in [min "
            "max] must be set"
        ),
    ),
    "a query with limits the wrong way round": Broken(
        {"checks.4": _query(min="5.5")},
        ("spec.checks[4].prometheus.query: Invalid value: min must not be greater than max"),
    ),
    "a query of blanks": Broken(
        {"checks.4": _query(expr="  ")},
        (
            'spec.checks[4].prometheus.query.expr: Invalid value: "  ": must be an expression of '
            "PromQL"
        ),
    ),
    "a shown label that is none": Broken(
        {"checks.4": _query(show=["pod-name"])},
        (
            'spec.checks[4].prometheus.query.show[0]: Invalid value: "pod-name": must be the '
            "name of a label: letters, digits and '_', not starting with a digit"
        ),
    ),
    "an alert with a quote in its name": Broken(
        {"checks.4": _alert(name='Down"')},
        (
            'spec.checks[4].prometheus.alert.name: Invalid value: "Down\\"": must be the name of '
            "an alert, "
            "without quotes, backslashes and control characters"
        ),
    ),
    "a label of an alert that is none": Broken(
        {"checks.4": _alert(labels=[{"name": "1st", "value": "x"}])},
        (
            'spec.checks[4].prometheus.alert.labels[0].name: Invalid value: "1st": must be the '
            "name of a label: letters, digits and '_', not starting with a digit"
        ),
    ),
    "a label of an alert that is there twice": Broken(
        {"checks.4": _alert(labels=[{"name": "a", "value": "x"}, {"name": "a", "value": "y"}])},
        (
            "spec.checks[4].prometheus.alert.labels: Invalid value: the names in labels must be "
            "unique: "
            "there are two a"
        ),
        by_models=False,
    ),
    "leaders by a metric of blanks": Broken(
        {"checks.4": _metric(expr=" ")},
        ('spec.checks[4].leader.metric.expr: Invalid value: " ": must be an expression of PromQL'),
    ),
    "leaders by a label that is none": Broken(
        {"checks.4": _metric(worker="worker-type")},
        (
            'spec.checks[4].leader.metric.worker: Invalid value: "worker-type": must be '
            "the name of a label: letters, digits and '_', not starting with a digit"
        ),
    ),
    "a connection to nothing": Broken(
        {"connections.3": {"name": "nowhere"}},
        (
            "spec.connections[3]: Invalid value: exactly one of the fields in [postgres "
            "prometheus alertmanager] must be set"
        ),
    ),
    "a connection to two": Broken(
        {"connections.1.alertmanager": {"endpoint": "alerts"}},
        (
            "spec.connections[1]: Invalid value: exactly one of the fields in [postgres "
            "prometheus alertmanager] must be set"
        ),
    ),
    "an endpoint of prometheus that is no name": Broken(
        {"connections.1.prometheus.endpoint": "https://x"},
        (
            'spec.connections[1].prometheus.endpoint: Invalid value: "https://x": must be '
            "lower case letters, digits and '-', starting and ending with a letter or digit"
        ),
    ),
    "an endpoint of alertmanager that is no name": Broken(
        {"connections.2.alertmanager.endpoint": "https://x"},
        (
            'spec.connections[2].alertmanager.endpoint: Invalid value: "https://x": must be '
            "lower case letters, digits and '-', starting and ending with a letter or digit"
        ),
    ),
    "an unknown connection of a prometheus check": Broken(
        {"checks.4": _query(), "checks.4.prometheus.connection": "alerts"},
        (
            "spec.checks: Invalid value: checks[].prometheus.connection must be the name of one of "
            "spec.connections that has prometheus; wrong in few"
        ),
        by_models=False,
    ),
    "an unknown Alertmanager of an alert": Broken(
        {"checks.4": _alert(alertmanager="metrics")},
        (
            "spec.checks: Invalid value: checks[].prometheus.alert.alertmanager must be the name "
            "of one of "
            "spec.connections that has alertmanager; wrong in calm"
        ),
        by_models=False,
    ),
    "an unknown connection of leaders by a metric": Broken(
        {"checks.4": _metric(connection="database")},
        (
            "spec.checks: Invalid value: checks[].leader.metric.connection must be the name of "
            "one of "
            "spec.connections that has prometheus; wrong in led"
        ),
        by_models=False,
    ),
    "a query of a database that is none": Broken(
        {"checks.4.sql.connection": "metrics"},
        (
            "spec.checks: Invalid value: checks[].sql.connection must be the name of one of "
            "spec.connections that has postgres; wrong in a-cluster-is-ready"
        ),
        by_models=False,
    ),
    "an unknown connection of a stuckRows check": Broken(
        {"checks.2.stuckRows.connection": "db"},
        (
            "spec.checks: Invalid value: checks[].stuckRows.connection must be the "
            "name of one of spec.connections that has postgres; wrong in accepted-moves-on"
        ),
        by_models=False,
    ),
    "a check that depends on itself": Broken(
        {"checks.2.dependsOn": ["replicas-ready", "accepted-moves-on"]},
        ("spec.checks[2].dependsOn: Invalid value: a check must not depend on itself"),
    ),
    "an unknown check in dependsOn": Broken(
        {"checks.2.dependsOn": ["cluster-leader", "database-answers"]},
        (
            "spec.checks: Invalid value: checks[].dependsOn must be the name of one of "
            "spec.checks; wrong in accepted-moves-on"
        ),
        by_models=False,
    ),
    "two checks that depend on each other": Broken(
        {"checks.1.dependsOn": ["accepted-moves-on"], "checks.2.dependsOn": ["cluster-leader"]},
        (
            "spec.checks: Invalid value: checks[].dependsOn must not lead back to the check "
            "itself, and a chain of them may hold at most 8 checks; wrong in cluster-leader"
        ),
        by_models=False,
    ),
    "an unknown check of a procedure": Broken(
        {"procedures.1.checks": ["ocm-accepts", "ocm-acepts"]},
        (
            "spec.procedures: Invalid value: procedures[].checks must be the name "
            "of one of spec.checks; wrong in ClusterProvisioningErrors"
        ),
        by_models=False,
    ),
    "an unknown check of a step": Broken(
        {"procedures.0.steps.1.check": "leader"},
        (
            "spec.procedures: Invalid value: procedures[].steps[].check must be the"
            " name of one of spec.checks; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown check of a verification": Broken(
        {"procedures.0.handle.0.remediate.verify.checks": ["leader"]},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.verify.checks must be the name of one "
            "of spec.checks; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown link of a step": Broken(
        {"procedures.0.steps.0.link": "grafana"},
        (
            "spec.procedures: Invalid value: procedures[].steps[].link must be the "
            "name of one of spec.links; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown check in anyFailed": Broken(
        {"procedures.0.handle.2.when": {"anyFailed": ["ocm-refuses"]}},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.anyFailed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "a finding of another type in anyFailed": Broken(
        {"procedures.0.handle.0.when": {"anyFailed": ["cluster-leader/Stuck"]}},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.anyFailed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown finding in allFailed": Broken(
        {"procedures.0.handle.1.when.allFailed": ["replicas-ready/Gone"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.allFailed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown finding in allPassed": Broken(
        {"procedures.0.handle.1.when.allPassed": ["cluster-leader/Few"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.allPassed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "a finding of an unknown check": Broken(
        {"procedures.0.handle.1.when.allPassed": ["leader/Many"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.allPassed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown team of a row": Broken(
        {"procedures.0.handle.2.escalate.to": ["ocm-support", "ocm"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].escalate.to must"
            " be the name of one of spec.teams; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown team of orElse": Broken(
        {"procedures.0.handle.0.orElse.to": ["ops"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].orElse.to must "
            "be the name of one of spec.teams; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "steps from nowhere": Broken(
        {"procedures.1.stepsFrom": "ClusterProvisioning"},
        (
            "spec.procedures: Invalid value: procedures[].stepsFrom must be the "
            "name of another procedure, one that has a handle of its own; wrong in "
            "ClusterProvisioningErrors"
        ),
        by_models=False,
    ),
    "steps from a procedure without its own": Broken(
        {
            "procedures.2": {
                "name": "ThirdTitle",
                "checks": ["ocm-accepts"],
                "stepsFrom": "ClusterProvisioningErrors",
            }
        },
        (
            "spec.procedures: Invalid value: procedures[].stepsFrom must be the "
            "name of another procedure, one that has a handle of its own; wrong in "
            "ThirdTitle"
        ),
        by_models=False,
    ),
    "the same as itself": Broken(
        {"procedures.2.sameAs": "ClusterProvisioningCorrectness"},
        (
            "spec.procedures: Invalid value: procedures[].sameAs must be the name "
            "of another procedure, one that has a handle of its own; wrong in "
            "ClusterProvisioningCorrectness"
        ),
        by_models=False,
    ),
    "a networkPolicy check that asks nothing": Broken(
        {"checks.4": _policies(mustReach=ABSENT)},
        (
            "spec.checks[4].networkPolicy: Invalid value: mustReach must name at least one peer, "
            "unless onlyThese is true"
        ),
    ),
    "a networkPolicy check of no pods": Broken(
        {"checks.4": _policies(to={})},
        (
            "spec.checks[4].networkPolicy.to: Invalid value: exactly one of the fields in "
            "[target podLabels] must be set"
        ),
    ),
    "a networkPolicy check of an unknown target": Broken(
        {"checks.4": _policies(to={"target": "refesher"})},
        (
            "spec.checks: Invalid value: checks[].networkPolicy.to.target must be the name of one "
            "of spec.targets; wrong in admitted"
        ),
        by_models=False,
    ),
    "a peer that is nobody": Broken(
        {"checks.4": _reach()},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from: Invalid value: at least one of the "
            "fields in [namespaceName namespaceLabels podLabels cidr] must be set"
        ),
    ),
    "a peer of one namespace and of several": Broken(
        {"checks.4": _reach(namespaceName="web", namespaceLabels={"team": "web"})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from: Invalid value: at most one of the "
            "fields in [namespaceName namespaceLabels] may be set"
        ),
    ),
    "a peer told by labels and addresses": Broken(
        {"checks.4": _reach(podLabels={"app": "web"}, cidr="10.0.0.0/8")},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from: Invalid value: cidr is only allowed "
            "alone: pods are told by labels, not by addresses"
        ),
    ),
    "a peer with labels that are none": Broken(
        {"checks.4": _reach(podLabels={"app": "not a label!"})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from.podLabels: Invalid value: must be "
            "labels: names and values of letters, digits, '-', '_' and '.', starting and ending "
            "with a letter or digit"
        ),
    ),
    "a peer of addresses that are no block": Broken(
        {"checks.4": _reach(cidr="10.0.0.0")},
        (
            'spec.checks[4].networkPolicy.mustReach[0].from.cidr: Invalid value: "10.0.0.0": must '
            'be a block of addresses such as "10.0.0.0/8" or "2001:db8::/32"'
        ),
    ),
    "a port without number and name": Broken(
        {"checks.4": _reach({"protocol": "UDP"}, podLabels={})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].ports[0]: Invalid value: exactly one of the "
            "fields in [port portName] must be set"
        ),
    ),
    "a port's name that is none": Broken(
        {"checks.4": _reach({"portName": "Web"}, podLabels={})},
        (
            'spec.checks[4].networkPolicy.mustReach[0].ports[0].portName: Invalid value: "Web": '
            "must be the name of a container's port: lower case letters, digits and '-'"
        ),
    ),
    "a range of ports that ends before it begins": Broken(
        {"checks.4": _reach({"port": 90, "endPort": 80}, podLabels={})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].ports[0]: Invalid value: endPort is only "
            "allowed beside port, and must not be less than it"
        ),
    ),
    "a range of ports from a name": Broken(
        {"checks.4": _reach({"portName": "web", "endPort": 80}, podLabels={})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].ports[0]: Invalid value: endPort is only "
            "allowed beside port, and must not be less than it"
        ),
    ),
}
