"""The evaluator of NetworkPolicies agrees with what the API's documentation says, case by case."""

import importlib
import json
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import servicesop.judge
from servicesop.api.checks.network_policy import Protocol
from servicesop.judge import network_policies, network_policy_objects
from unit.judge.network_policy_cases import FEATURES, HOME, OUTSIDE, PORTS, case, features
from unit.judge.network_policy_oracle import Json, World, selects

CASES = 5000
MODULES = ("labels", "port_sets", "network_policies", "network_policy_objects")
SOURCE = Path(servicesop.judge.__file__).parent


class Evaluator:
    """The product's evaluator, or a copy of it with something broken."""

    def __init__(self, policies: ModuleType, objects: ModuleType) -> None:
        self._policies = policies
        self._objects = objects

    def answers(self, world: World) -> dict[tuple[str, str, str, int], Any]:
        """True: allowed; for each source, pod and port."""
        read = [self._objects.network_policy(item) for item in world.policies]
        pods = {pod["metadata"]["name"]: self._pod(world, pod) for pod in world.pods}
        outside = {
            address: self._policies.Addresses(ip_address(address), ip_address(address))
            for address in OUTSIDE
        }
        found: dict[tuple[str, str, str, int], Any] = {}
        for name, pod in pods.items():
            if pod.namespace != HOME:
                continue
            for source_name, source in (pods | outside).items():
                admitted = self._policies.admitted(read, source, pod)
                for protocol, port in PORTS:
                    surely = (Protocol(protocol), port) in admitted.surely
                    possibly = (Protocol(protocol), port) in admitted.possibly
                    found[source_name, name, protocol, port] = (
                        surely if surely is possibly else None
                    )
        return found

    def _pod(self, world: World, pod: Json) -> Any:
        namespace = pod["metadata"]["namespace"]
        labels = self._objects.namespace_labels(namespace, world.namespaces[namespace])
        return self._objects.pod_of(pod, namespace, labels)


def expected(world: World) -> dict[tuple[str, str, str, int], bool]:
    sources: dict[str, Json | str] = {pod["metadata"]["name"]: pod for pod in world.pods}
    sources |= {address: address for address in OUTSIDE}
    return {
        (name, pod["metadata"]["name"], protocol, port): world.is_allowed(
            source, pod, protocol, port
        )
        for pod in world.pods
        if pod["metadata"]["namespace"] == HOME
        for name, source in sources.items()
        for protocol, port in PORTS
    }


def difference(seed: int, evaluator: Evaluator) -> str:
    """Say where the evaluator differs from the oracle, and with which case; empty: nowhere."""
    world = case(seed)
    wanted, got = expected(world), evaluator.answers(world)
    assert wanted.keys() == got.keys()
    wrong = [(key, wanted[key], got[key]) for key in wanted if wanted[key] is not got[key]]
    return f"seed {seed}: {wrong[:3]} in {json.dumps(vars(world))}" if wrong else ""


def test_every_connection_of_5000_clusters_is_judged_as_documented() -> None:
    evaluator = Evaluator(network_policies, network_policy_objects)
    used: Counter[str] = Counter()
    verdicts: Counter[bool] = Counter()
    for seed in range(CASES):
        world = case(seed)
        wanted = expected(world)
        if wanted != evaluator.answers(world):
            pytest.fail(difference(seed, evaluator))
        verdicts.update(wanted.values())
        used.update(features(world, selects))

    share = verdicts[True] / verdicts.total()
    assert 0.3 <= share <= 0.7, f"{share:.0%} of the connections are allowed"
    assert {name: used[name] for name in FEATURES if used[name] < 300} == {}


PLANTS = {
    "NotIn asks for the key": (
        "labels",
        "return value not in self.values",
        "return value is not None and value not in self.values",
    ),
    "one requirement of a selector is enough": (
        "labels",
        "return all_of(requirement.matches(labels) for requirement in self.requirements)",
        "return any_of(requirement.matches(labels) for requirement in self.requirements)",
    ),
    "a podSelector alone means every namespace": (
        "network_policies",
        "other.namespace == namespace\n",
        "True\n",
    ),
    "either selector of a peer is enough": (
        "network_policies",
        "return all_of((inside, self.pods.matches(other.labels)))",
        "return any_of((inside, self.pods.matches(other.labels)))",
    ),
    "except is passed over": (
        "network_policies",
        "return all_of((_within(self.network, addresses), *holes))",
        "return _within(self.network, addresses)",
    ),
    "an empty list of peers admits nobody": (
        "network_policies",
        "if not self.peers:\n            return True",
        "if not self.peers:\n            return False",
    ),
    "the last port of a range is left out": (
        "network_policies",
        "(self.protocol, self.port, self.last or self.port)",
        "(self.protocol, self.port, max(self.port, (self.last or self.port) - 1))",
    ),
    "a named port is looked up by name alone": (
        "network_policy_objects",
        'protocol = Protocol(port.get("protocol") or Protocol.TCP)\n',
        "protocol = Protocol.TCP\n",
    ),
    "only the last policy counts": (
        "network_policies",
        "Admitted(PortSet.union(certain), PortSet.union(possible))",
        "Admitted(certain[-1], certain[-1])",
    ),
    "egress does not count": (
        "network_policies",
        "comes_in(policies, source, pod) & goes_out(policies, source, pod)",
        "comes_in(policies, source, pod)",
    ),
    "a policy with no policyTypes says nothing of egress": (
        "network_policy_objects",
        '["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]',
        '["Ingress"]',
    ),
    "rules make a policy isolate, whatever its policyTypes": (
        "network_policy_objects",
        'if "Ingress" in types else None',
        'if "Ingress" in types or spec.get("ingress") else None',
    ),
    "a policy without rules does not isolate": (
        "network_policies",
        "if selected is False:",
        "if selected is False or not rules:",
    ),
    "a protocol that is not given is any": (
        "network_policies",
        "return EVERY_PORT & PortSet.of([(self.protocol, 1, 65535)])",
        "return EVERY_PORT",
    ),
    "a pod is kept from itself": (
        "network_policies",
        "if source.name and (",
        "if not source.name and (",
    ),
    "touching ranges lose a port": (
        "port_sets",
        "joined.append((protocol, begin, max(end, last)))",
        "joined.append((protocol, begin, end))",
    ),
}
"""One-line bugs by what they do: the module, and what stands there in the place of what."""


def planted(directory: Path, file: str, old: str, new: str) -> Evaluator:
    """Give an evaluator of which one module has `new` in the place of `old`, which stands there."""
    package = f"planted_{directory.name}"
    (directory / package).mkdir()
    for module in MODULES:
        text = (SOURCE / f"{module}.py").read_text()
        if module == file:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
            text = text.replace(old, new)
        text = text.replace("from servicesop.judge.", f"from {package}.")
        (directory / package / f"{module}.py").write_text(text)
    return Evaluator(
        importlib.import_module(f"{package}.network_policies"),
        importlib.import_module(f"{package}.network_policy_objects"),
    )


@pytest.mark.parametrize("plant", [pytest.param(plant, id=name) for name, plant in PLANTS.items()])
def test_a_bug_in_the_evaluator_is_found(
    plant: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    broken = planted(tmp_path, *plant)

    assert any(difference(seed, broken) for seed in range(CASES))


def test_a_copy_without_a_bug_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    copy = planted(tmp_path, "labels", "return value in self.values", "return value in self.values")

    assert [seed for seed in range(50) if difference(seed, copy)] == []
