"""Objects of the cluster by hand: `resource`, `events`, `networkPolicy`."""

from collections.abc import Mapping

from servicesop.api.checks.check import Check
from servicesop.api.checks.kinds import LabelSelector
from servicesop.api.checks.network_policy import ReachedPort, ReachingPeer
from servicesop.api.checks.resource import Resource
from servicesop.api.durations import format_duration
from servicesop.render.by_hand import (
    KUBECTL,
    SELECTOR_OF,
    ByHand,
    Command,
    Definition,
    Names,
    resource,
    word,
)
from servicesop.render.markdown import code


def objects(check: Check, names: Names) -> ByHand:
    """Look at the condition or the phase of objects."""
    del names  # objects are named by themselves
    spec = check.resource
    assert spec is not None
    group, _, version = spec.api_version.rpartition("/")
    kind = f"{spec.kind}.{version}.{group}" if group else spec.kind
    columns = "NAME:.metadata.name,PHASE:.status.phase"
    if spec.condition is not None:
        of_type = f'.status.conditions[?(@.type=="{spec.condition.type}")]'
        columns = f"NAME:.metadata.name,STATUS:{of_type}.status,REASON:{of_type}.reason"
    selector = _selector(spec.selector)
    which = f" {word(spec.name)}" if spec.name else f" -l {word(selector)}" if selector else ""
    text = f"{KUBECTL} get {word(kind)}{which} \\\n  -o custom-columns={word(columns)}"
    return ByHand(f"{_which(spec)} {_state(spec)}", (Command(text),))


def _which(spec: Resource) -> str:
    if spec.name is not None:
        return f"{code(f'{spec.kind} {spec.name}')} has"
    selector = _selector(spec.selector)
    carrying = f" with {code(selector)}" if selector else ""
    return f"each {code(spec.kind)}{carrying} has"


def _state(spec: Resource) -> str:
    if spec.condition is not None:
        return f"the condition {code(f'{spec.condition.type}={spec.condition.status.value}')}"
    return f"the phase {code(spec.phase or '')}"


def _selector(selector: LabelSelector | None) -> str:
    return _labels(selector.match_labels) if selector is not None else ""


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def events(check: Check, names: Names) -> ByHand:
    """List the Events about the objects, newest last."""
    spec = check.events
    assert spec is not None
    selector = [f"type={spec.type.value}"] if spec.type is not None else []
    about, filters = "", []
    if spec.involved is not None:
        about = " ".join(filter(None, (spec.involved.kind, spec.involved.name)))
        selector.append(f"involvedObject.kind={spec.involved.kind}")
        selector += [f"involvedObject.name={spec.involved.name}"] if spec.involved.name else []
    else:
        target = names.target(spec.target)
        about = resource(target)
        # Its pods and ReplicaSets have its name as their beginning.
        filters.append(rf"\s{target.ref.name.replace('.', '[.]')}[-\s]")
    if spec.reasons:
        filters.append(rf"\s({'|'.join(spec.reasons)})\s")
    if spec.pattern is not None:
        filters.append(spec.pattern)
    columns = (
        "LAST:.lastTimestamp,COUNT:.count,TYPE:.type,REASON:.reason,"
        "OBJECT:.involvedObject.name,MESSAGE:.message"
    )
    chosen = f" --field-selector {word(','.join(selector))}" if selector else ""
    lines = [
        f"{KUBECTL} get events{chosen} --sort-by=.lastTimestamp",
        f"  -o custom-columns={word(columns)}",
    ]
    text = " \\\n".join(lines) + "".join(f" |\n  grep -P -e {word(one)}" for one in filters)
    limit = "there is no Event" if spec.max == 0 else f"there are at most {spec.max} Events"
    that = [f"of the type {code(spec.type.value)}"] if spec.type is not None else []
    that += [f"with the reason {' or '.join(map(code, spec.reasons))}"] if spec.reasons else []
    that += [f"with a message that matches {code(spec.pattern)}"] if spec.pattern else []
    asserts = (
        f"{limit} {' and '.join(that)} about {code(about)} within {format_duration(spec.within)}"
    )
    return ByHand(asserts, (Command(text),))


def network_policy(check: Check, names: Names) -> ByHand:
    """Read the namespace's policies, all of which add up."""
    spec = check.network_policy
    assert spec is not None
    needs: tuple[Definition, ...] = ()
    if spec.to.pod_labels is not None:
        to, selector = code(_labels(spec.to.pod_labels)), word(_labels(spec.to.pod_labels))
    else:
        target = names.target(spec.to.target)
        to, selector = code(resource(target)), f'"$(selector_of {resource(target)})"'
        needs = (SELECTOR_OF,)
    text = f"{KUBECTL} get pods --show-labels -l {selector}\n{KUBECTL} describe networkpolicies"
    peers = [
        f"{_peer(reach.from_)} on {' and '.join(map(_port, reach.ports)) or 'every port'}"
        for reach in spec.must_reach
    ]
    who = "; ".join(peers) or "nobody"
    only = ", and nobody else" if spec.only_these and peers else ""
    asserts = f"the NetworkPolicies, all together, let these reach the pods {to}: {who}{only}"
    return ByHand(asserts, (Command(text, needs=needs),))


def _peer(peer: ReachingPeer) -> str:
    if peer.cidr is not None:
        return f"the addresses {code(peer.cidr)}"
    pods = f"pods with {code(_labels(peer.pod_labels))}" if peer.pod_labels else "all pods"
    if peer.namespace_name is not None:
        return f"{pods} of the namespace {code(peer.namespace_name)}"
    if peer.namespace_labels is not None:
        return f"{pods} of namespaces with {code(_labels(peer.namespace_labels))}"
    return f"{pods} of the same namespace"


def _port(port: ReachedPort) -> str:
    if port.port_name is not None:
        return f"the port {code(port.port_name)} ({port.protocol.value})"
    last = f"-{port.end_port}" if port.end_port is not None else ""
    return f"port {port.port}{last} ({port.protocol.value})"
