"""What a config check reads, and what it makes of what it cannot read."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target
from servicesop.checks.config import MAX_OBJECTS
from servicesop.checks.registry import build
from servicesop.checks.runner import NO_TURN
from servicesop.judge.results import Sample
from servicesop.sources.errors import SourceError
from surroundings import NOBODY
from unit.checks.containers import Json, config_map, from_key, literals
from unit.checks.test_config_judgement import WORKLOAD


class Namespace:
    """A Deployment `api` and ConfigMaps, all of which hold the same; one may be refused."""

    turns = NO_TURN

    def __init__(self, env: list[Json], refused: str = "") -> None:
        container = {"name": "service", "env": env, "args": ["run"]}
        self._deployment = {
            "metadata": {"name": "api", "generation": 3},
            "spec": {"template": {"spec": {"containers": [container]}}},
        }
        self._refused = refused
        self.asked: list[str] = []

    async def get(self, api_version: str, kind: str, name: str) -> Json | None:
        self.asked.append(f"{kind} {name}")
        if name == self._refused:
            raise SourceError(UnknownReason.ACCESS_DENIED, f"may not get {name}")
        if kind == "Deployment":
            return self._deployment
        return config_map(url="x") if api_version == "v1" else None

    async def get_secret(self, name: str) -> Json | None:
        raise AssertionError(name)

    async def find(self, *arguments: Any) -> tuple[Json, ...]:
        raise AssertionError(arguments)


class Workloads:
    def get(self, *_: object) -> Any:
        return WORKLOAD

    def pods(self, *_: object) -> Any:
        return ()


async def run(namespace: Namespace, *values: Json) -> Sample:
    check = Check.model_validate({"name": "set", "config": {"values": list(values)}})
    ref = {"kind": "Deployment", "name": "api"}
    around = replace(
        NOBODY,
        objects=namespace,
        secrets=namespace,
        workloads=Workloads(),
        default_target=Target.model_validate({"name": "api", "ref": ref}),
    )
    return await build(check, around).run(datetime.now(UTC))


def taken(*names: str) -> list[Json]:
    return [{"name": name, "valueFrom": from_key("configMap", name, "url")} for name in names]


async def test_each_object_is_read_once_and_only_if_it_matters() -> None:
    namespace = Namespace([*taken("A", "B", "C"), *literals(BOTH="$(A)$(B)")])
    sample = await run(namespace, {"env": "BOTH", "equals": "xx"}, {"env": "A"})

    assert sample.verdict == "Passed"
    assert sorted(namespace.asked) == ["ConfigMap A", "ConfigMap B", "Deployment api"]


async def test_what_cannot_be_read_is_an_error_unless_something_else_is_wrong() -> None:
    env = [*taken("A", "B"), *literals(EMPTY="")]
    wrong = {"env": "EMPTY", "nonEmpty": True}
    with pytest.raises(SourceError) as refused:
        await run(Namespace(env, refused="A"), {"env": "A"}, {"env": "B"})
    sample = await run(Namespace(env, refused="A"), {"env": "A"}, wrong)

    assert refused.value.reason is UnknownReason.ACCESS_DENIED
    assert sample.findings == {"Empty"}


async def test_objects_are_bounded() -> None:
    names = [f"N{number}" for number in range(MAX_OBJECTS + 1)]
    namespace = Namespace([*taken(*names), *literals(ALL="".join(f"$({n})" for n in names))])
    with pytest.raises(SourceError) as refused:
        await run(namespace, {"env": "ALL"})

    assert refused.value.reason is UnknownReason.TOO_MANY_OBJECTS
    assert len(namespace.asked) == MAX_OBJECTS + 1  # and the Deployment


async def test_a_container_with_very_much_is_not_looked_at() -> None:
    namespace = Namespace(literals(**{f"V{number}": "$$" * 1000 for number in range(100)}))
    sample = await run(namespace, {"env": "V1"})

    assert sample.reason is UnknownReason.NOT_VISIBLE
