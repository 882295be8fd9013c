"""The requests of an action, as they are seen on the wire.

A restart and an eviction have the same thirteen: what is claimed, budgeted, written down and
released is the same for both, and only the change itself is another request. What an eviction has
beyond that are reads. It looks at the pod also before anything is decided, which is a step of its
own here. And where a restart reads its target, an eviction asks for the target, the pod and the
budgets all at once: killed with the answer to one of them outstanding, it has not looked.
"""

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
    """The next request with this method, and path and body as these regular expressions say."""

    name: str
    method: str
    path: str
    body: str = ""
    after: "Step | None" = None
    """The one that it follows, where there are others like it before."""

    def __str__(self) -> str:
        return self.name

    def hold(self, proxy: HoldingProxy, namespace: str, *, committed: bool = False) -> Hold:
        """Hold it, when the SOP `sop` of this namespace takes it."""
        path = self.path.format(namespace=namespace)
        return proxy.hold(self.method, path, self.body, committed=committed)


EPISODE = Step("episode", "PATCH", _STATUS, '"episode":')
CLAIM = Step("claim", "POST|PUT", _RECORDS, _CLAIM)
BUDGET = Step("budget", "POST|PUT", _RECORDS, r'\\"open\\":true')
READ = Step("read of the target", "GET", _TARGET, after=BUDGET)
INTENT = Step("intent", "PATCH", _STATUS, '"phase":"Planned"')
READ_AGAIN = Step("second read of the target", "GET", _TARGET, after=INTENT)
READ_SOP = Step("read of the SOP", "GET", _SOP)
RESTART = Step("restart", "PATCH", _TARGET)
LOOK = Step("look at the pod", "GET", r"/namespaces/{namespace}/pods/[^/?]+(\?|$)")
EVICT = Step("eviction", "POST", "/namespaces/{namespace}/pods/[^/]+/eviction$")
ISSUED = Step("issued", "PATCH", _STATUS, '"phase":"Issued"')
OUTCOME = Step("outcome", "PATCH", _STATUS, '"outcome":"Helped"')
RECORD_OUTCOME = Step("outcome on the record", "PUT", _RECORDS, _HELPED)
RELEASE_BUDGET = Step("release of the budget", "PUT", _RECORDS, r'\\"open\\":false')
RELEASE_CLAIM = Step("release of the claim", "PUT", _RECORDS, f"^(?!.*{_CLAIM}).*{_HELPED}")

WRITES_AFTER_ACT = (ISSUED, OUTCOME, RECORD_OUTCOME, RELEASE_BUDGET, RELEASE_CLAIM)


@dataclass(frozen=True)
class Action:
    """One kind of action, with the steps that it has."""

    name: str
    act: Step
    done: int
    """How the API server answers the act."""
    too_late: tuple[int, ...]
    """How it answers the same act once more."""
    looks: tuple[Step, ...] = ()
    """What is read before anything is decided."""

    def __str__(self) -> str:
        return self.name

    @property
    def writes_up_to_act(self) -> tuple[Step, ...]:
        return (EPISODE, CLAIM, BUDGET, INTENT, self.act)

    @property
    def writes(self) -> tuple[Step, ...]:
        return (*self.writes_up_to_act, *WRITES_AFTER_ACT)

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.looks, *self.writes, READ, READ_AGAIN, READ_SOP)


RESTARTS = Action("restart", RESTART, done=200, too_late=(422,))
# The pod is on its way out, or gone.
EVICTIONS = Action("eviction", EVICT, done=201, too_late=(404, 409), looks=(LOOK,))
