"""Whether NetworkPolicies keep the operator itself from a server, as far as that can be known.

A server that is kept from the operator may be well: its silence says nothing about it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from servicesop.api.checks.network_policy import Protocol
from servicesop.judge.labels import Labels, any_of
from servicesop.judge.network_policies import NetworkPolicy, Pod, closes, keeps_in, keeps_out
from servicesop.judge.network_policy_objects import MalformedObjectError, pod_of

MAX_STEPS: Final = 200_000
"""Rules that are compared, each time they are: less than a second."""
_NAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether the operator is kept out; None where it cannot be told."""

    kept_out: bool | None
    words: str = ""
    """Which policies keep it out, or what it depends on: a sentence, empty where they do not."""


OPEN: Final = Admission(kept_out=False)
"""Nothing that is known of keeps the operator out."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The operator, as policies see it."""

    pod: Pod
    policies: Sequence[NetworkPolicy]
    """All of its namespace."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A pod behind a Service, and the port of it that gets the connection."""

    pod: Pod
    port: int


def service_named(host: str, namespace: str) -> str | None:
    """Give the Service of that namespace whose DNS name the host is.

    The name alone is not one: it would be a Service of the namespace in which it is resolved.
    """
    name, *rest = host.lower().removesuffix(".").split(".")
    domain = [namespace, "svc", "cluster", "local"]
    return name if rest and rest in (domain[:1], domain[:2], domain) else None


def selector_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Give the labels of the pods behind a Service; none where others say who is behind it."""
    spec = service.get("spec") or {}
    return {} if spec.get("type") == "ExternalName" else dict(spec.get("selector") or {})


def receivers(
    service: Mapping[str, Any],
    pods: Iterable[Mapping[str, Any]],
    port: int,
    namespace: str,
    labels: Labels,
) -> tuple[Receiver, ...]:
    """Give who gets a connection to a Service's port: those of its pods that are ready.

    `pods` are those that it selects, `labels` their namespace's. Raise MalformedObjectError.
    """
    try:
        spec = service["spec"]
        target = _target_port(spec, port)
        if target is None:
            return ()
        early = spec.get("publishNotReadyAddresses") is True
        found = sorted(
            (
                pod_of(item, namespace, labels)
                for item in pods
                if "deletionTimestamp" not in item["metadata"] and (early or _is_ready(item))
            ),
            key=lambda pod: pod.name,
        )
        return tuple(
            # What blocks of addresses mean for pods is up to the network plugin.
            Receiver(replace(pod, addresses=()), number)
            for pod in found
            for number in sorted(
                {target} if isinstance(target, int) else pod.ports.get((Protocol.TCP, target), ())
            )
        )
    except (AttributeError, KeyError, TypeError):
        raise MalformedObjectError("not a Service as its API defines it") from None


def judge_service(
    caller: Caller, policies: Sequence[NetworkPolicy], behind: Sequence[Receiver]
) -> Admission:
    """Judge the policies of a Service's namespace, and of the operator's own.

    Without anybody behind the Service it is not they that keep the operator out.
    """
    rules = 1 + sum(
        1 + len(one.ingress or ()) + len(one.egress or ()) for one in (*policies, *caller.policies)
    )
    if rules * len(behind) > MAX_STEPS:
        return Admission(None, "there are more rules than are compared")
    kept_in = [keeps_in(caller.policies, caller.pod, one.pod, one.port) for one in behind]
    kept_out = [keeps_out(policies, caller.pod, one.pod, one.port) for one in behind]
    kept = {any_of(pair) for pair in zip(kept_in, kept_out, strict=True)}
    if kept <= {False}:
        return OPEN
    if caller.pod.on_node_network or any(one.pod.on_node_network for one in behind):
        return Admission(None, "a pod shares the node's network, where that is not defined")
    if kept == {True}:
        ports = sorted({one.port for one in behind})
        if all(kept_in):
            return _not_let_out(ports[0])
        return Admission(
            True,
            f"the operator is kept from port {ports[0]} of the server's pods: no rule of"
            f" {_names(policies, behind)} is for it; admit its namespace, {caller.pod.namespace}",
        )
    if None in kept:
        return Admission(
            None, "it depends on an ipBlock, or on labels of a namespace that may not be read"
        )
    return Admission(None, "some of its pods admit the operator, and others do not")


def judge_host(caller: Caller, port: int) -> Admission:
    """Judge for a server of which nothing is known but its port."""
    if not caller.pod.on_node_network and closes(caller.policies, caller.pod, port):
        return _not_let_out(port)
    return OPEN


def _not_let_out(port: int) -> Admission:
    return Admission(
        True,
        f"NetworkPolicies of the operator's own namespace do not let it out to port {port}; its"
        " administrator can open it",
    )


def _names(policies: Sequence[NetworkPolicy], behind: Sequence[Receiver]) -> str:
    names = sorted(
        policy.name
        for policy in policies
        if policy.ingress is not None and any(policy.pods.matches(one.pod.labels) for one in behind)
    )
    kind = "NetworkPolicy" if len(names) == 1 else "NetworkPolicies"
    others = " and others" if len(names) > _NAMES else ""
    return f"{kind} {', '.join(names[:_NAMES])}{others}"


def _target_port(spec: Mapping[str, Any], port: int) -> int | str | None:
    """Give the number or name of the pods' port; None where the Service has no such port."""
    if spec.get("clusterIP") == "None":
        # Its name resolves to the pods, and nobody translates.
        return port
    for one in spec.get("ports") or ():
        if one["port"] == port and one.get("protocol", "TCP") == Protocol.TCP:
            target: int | str = one.get("targetPort", port)
            return target
    return None


def _is_ready(item: Mapping[str, Any]) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
