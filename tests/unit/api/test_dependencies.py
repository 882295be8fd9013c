"""Circles and chains of dependencies: what is wrong with them, and in which order checks stand."""

import pytest
from pydantic import ValidationError

from servicesop.api.checks.check import Check
from servicesop.api.dependencies import MAX_CHAIN, chain_error, in_order
from unit.decide.scenes import spec_of

RULE = (
    "checks[].dependsOn must not lead back to the check itself,"
    " and a chain of them may hold at most 8 checks: "
)


def checks_of(**depends_on: str) -> list[Check]:
    """Checks by name, each with those that it depends on, separated by blanks."""
    logs = {"pattern": "x", "within": "1m", "max": 0}
    return [
        Check.model_validate({"name": name, "logs": logs, "dependsOn": names.split()})
        for name, names in depends_on.items()
    ]


def chain_of(length: int) -> list[Check]:
    names = [f"c{number}" for number in range(length)]
    return checks_of(**dict(zip(names, [*names[1:], ""], strict=True)))


@pytest.mark.parametrize(
    ("depends_on", "circle"),
    [
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"a": "b", "b": "c", "c": "d", "d": "b"}, "b -> c -> d -> b"),
        ({"a": "", "b": "a d", "c": "a", "d": "c e", "e": "b"}, "b -> d -> e -> b"),
        # Its own circle, and not one of what stands above it.
        ({"a": "b c", "b": "", "c": "d", "d": "c"}, "c -> d -> c"),
    ],
)
def test_a_circle_is_named(depends_on: dict[str, str], circle: str) -> None:
    assert chain_error(checks_of(**depends_on)) == RULE + circle


@pytest.mark.parametrize(
    "depends_on",
    [
        {"a": "", "b": ""},
        {"a": "b", "b": "c", "c": ""},
        # Two ways to the same check are no circle.
        {"a": "b c", "b": "d", "c": "d", "d": ""},
        # What does not exist is refused for that, not for this.
        {"a": "b nowhere", "b": "nowhere"},
    ],
)
def test_what_is_no_circle_passes(depends_on: dict[str, str]) -> None:
    assert chain_error(checks_of(**depends_on)) is None


def test_a_chain_is_bounded_and_named_when_it_is_too_long() -> None:
    assert chain_error(chain_of(MAX_CHAIN)) is None
    named = " -> ".join(f"c{number}" for number in range(MAX_CHAIN + 1))
    assert chain_error(chain_of(MAX_CHAIN + 1)) == RULE + named
    assert chain_error(list(reversed(chain_of(MAX_CHAIN + 1)))) == RULE + named


def test_a_spec_with_a_circle_is_refused() -> None:
    checks = [
        one.model_dump(mode="json", by_alias=True, exclude_none=True)
        for one in checks_of(leader="ocm", ocm="moves", moves="leader", ready="")
    ]
    with pytest.raises(ValidationError) as raised:
        spec_of(checks=checks)

    (found,) = raised.value.errors()
    assert found["msg"] == f"Value error, {RULE}leader -> ocm -> moves -> leader"


def test_checks_stand_after_what_they_depend_on_and_else_where_they_stood() -> None:
    checks = checks_of(a="d", b="", c="a b", d="b")

    assert [one.name for one in in_order(checks)] == ["b", "d", "a", "c"]
    assert in_order(checks_of(b="", a="")) == tuple(checks_of(b="", a=""))


def test_a_check_that_depends_on_none_of_the_spec_cannot_be_put_in_order() -> None:
    with pytest.raises(LookupError):
        in_order(checks_of(a="nowhere"))
