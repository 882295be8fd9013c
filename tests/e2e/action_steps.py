"""The requests of an action, one after the other, as they are seen on the wire."""

from dataclasses import dataclass

from testbed.holding_proxy import Hold, HoldingProxy

# A record is JSON in a string of its ConfigMap, so its quotes are escaped.
_CLAIM = r'\\"claim\\":'
_HELPED = r'\\"outcome\\":\\"Helped\\"'
_STATUS = "/namespaces/{namespace}/servicesops/sop/status"
_SOP = "/namespaces/{namespace}/servicesops/sop$"
_TARGET = r"/namespaces/{namespace}/deployments/api(\?|$)"
_RECORDS = "/namespaces/servicesop-system/configmaps"


@dataclass(frozen=True)
class Step:
    """The `nth` request with this method, and path and body as these regular expressions say."""

    name: str
    method: str
    path: str
    body: str = ""
    nth: int = 1

    def __str__(self) -> str:
        return self.name

    def hold(self, proxy: HoldingProxy, namespace: str, *, committed: bool = False) -> Hold:
        """Hold it, when the SOP `sop` of this namespace takes it."""
        path = self.path.format(namespace=namespace)
        return proxy.hold(self.method, path, self.body, nth=self.nth, committed=committed)


EPISODE = Step("episode", "PATCH", _STATUS, '"episode":')
CLAIM = Step("claim", "POST|PUT", _RECORDS, _CLAIM)
BUDGET = Step("budget", "POST|PUT", _RECORDS, r'\\"open\\":true')
READ = Step("read of the target", "GET", _TARGET)
INTENT = Step("intent", "PATCH", _STATUS, '"phase":"Planned"')
READ_AGAIN = Step("second read of the target", "GET", _TARGET, nth=2)
READ_SOP = Step("read of the SOP", "GET", _SOP)
ACT = Step("act", "PATCH", _TARGET)
EVICT = Step("eviction", "POST", "/namespaces/{namespace}/pods/[^/]+/eviction$")
ISSUED = Step("issued", "PATCH", _STATUS, '"phase":"Issued"')
OUTCOME = Step("outcome", "PATCH", _STATUS, '"outcome":"Helped"')
RECORD_OUTCOME = Step("outcome on the record", "PUT", _RECORDS, _HELPED)
RELEASE_BUDGET = Step("release of the budget", "PUT", _RECORDS, r'\\"open\\":false')
RELEASE_CLAIM = Step("release of the claim", "PUT", _RECORDS, f"^(?!.*{_CLAIM}).*{_HELPED}")

WRITES_UP_TO_ACT = (EPISODE, CLAIM, BUDGET, INTENT, ACT)
READS = (READ, READ_AGAIN, READ_SOP)
WRITES_AFTER_ACT = (ISSUED, OUTCOME, RECORD_OUTCOME, RELEASE_BUDGET, RELEASE_CLAIM)
ALL = (*WRITES_UP_TO_ACT, *READS, *WRITES_AFTER_ACT)
