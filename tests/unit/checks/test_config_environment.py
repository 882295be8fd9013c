"""Variables are what the kubelet makes of them."""

from typing import Any

import pytest

from servicesop.api.checks.config import DataKind
from servicesop.checks.config_environment import MAX_TEXTS
from servicesop.checks.config_objects import DataRef, Needed
from servicesop.checks.config_text import Absent, Text, expand
from unit.checks.containers import Json, config_map, environment, from_key, literals, said, secret

VARIABLES = {"VAR_A": "A", "VAR_B": "B", "VAR_C": "C", "VAR_REF": "$(VAR_A)", "VAR_EMPTY": ""}


# The cases are those of the design proposal for references, and of the API's documentation.
@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(VAR_A)", "A"),
        ("___$(VAR_B)___", "___B___"),
        ("___$(VAR_C)", "___C"),
        ("$(VAR_A)-$(VAR_A)", "A-A"),
        ("$(VAR_A)-1", "A-1"),
        ("$(VAR_A)_$(VAR_B)_$(VAR_C)", "A_B_C"),
        ("$$(VAR_B)_$(VAR_A)", "$(VAR_B)_A"),
        ("$$(VAR_A)_$$(VAR_B)", "$(VAR_A)_$(VAR_B)"),
        ("f000-$$VAR_A", "f000-$VAR_A"),
        ("foo\\$(VAR_C)bar", "foo\\Cbar"),
        ("foo\\\\$(VAR_C)bar", "foo\\\\Cbar"),
        ("foo$(VAR_EMPTY)bar", "foobar"),
        ("$(VAR_DNE)", "$(VAR_DNE)"),
        ("foo$(VAR_Awhoops!", "foo$(VAR_Awhoops!"),
        ("f00__(VAR_A)__", "f00__(VAR_A)__"),
        ("$?_boo_$!", "$?_boo_$!"),
        ("$VAR_A", "$VAR_A"),
        ("$(VAR_DNE", "$(VAR_DNE"),
        ("$$$$$$(BIG_MONEY)", "$$$(BIG_MONEY)"),
        ("$$$$$$(VAR_A)", "$$$(VAR_A)"),
        ("$$$$$$$(GOOD_ODDS)", "$$$$(GOOD_ODDS)"),
        ("$$$$$$$(VAR_A)", "$$$A"),
        ("$VAR_A)", "$VAR_A)"),
        ("${VAR_A}", "${VAR_A}"),
        ("$(VAR_B)_______$(A", "B_______$(A"),
        ("$(VAR_C)_______$(", "C_______$("),
        ("$(VAR_A)foobarzab$", "Afoobarzab$"),
        ("foo-\\$(VAR_A", "foo-\\$(VAR_A"),
        ("--$($($($($--", "--$($($($($--"),
        ("$($($($($--foo$(", "$($($($($--foo$("),
        ("foo0--$($($($(", "foo0--$($($($("),
        ("$(foo$$var)", "$(foo$$var)"),
        # What was put in is not looked at again.
        ("$(VAR_REF)", "$(VAR_A)"),
        ("$()", "$()"),
        ("$é$(VAR_A)", "$éA"),
    ],
)
def test_references_in_a_text(text: str, expanded: str) -> None:
    # Not as variables, whose own references would be resolved: as they are in the end.
    values = {name: Text(value.encode()) for name, value in VARIABLES.items()}

    assert said(expand(text, values.get)) == expanded


@pytest.mark.parametrize(
    ("env", "is_"),
    [
        (literals(A="1", B="$(A)2"), "12"),
        # Only what stands further up is known.
        (literals(B="$(A)2", A="1"), "$(A)2"),
        (literals(B="$(B)2"), "$(B)2"),
        ([*literals(A="1"), *literals(B="$(A)"), *literals(A="2")], "1"),
        ([*literals(B="1"), *literals(B="$(B)2"), *literals(B="$(B)3")], "123"),
        ([*literals(B="1"), {"name": "B"}], ""),
        ([{"name": "B", "value": ""}], ""),
        ([], None),
        ([{"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}], "<unseen>"),
        ([{"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "x"}}}], "<unseen>"),
        ([{"name": "B", "valueFrom": {"fileKeyRef": {"key": "x"}}}], "<may be>"),
        (
            [
                {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
                *literals(B="http://$(A):80"),
            ],
            "http://:80<unseen>",
        ),
    ],
)
def test_variables_in_their_order(env: list[dict[str, Any]], is_: str | None) -> None:
    assert said(environment(env).look("B")) == is_


def a(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "A", "valueFrom": source}]


OBJECTS: dict[str, Json | None] = {
    "ConfigMap settings": config_map(url="u", empty="") | {"binaryData": {"binary": "AAAA"}},
    "Secret login": secret(token="t"),
    "ConfigMap none": None,
    "Secret none": None,
}


@pytest.mark.parametrize(
    ("source", "is_", "if_optional"),
    [
        (("configMap", "settings", "url"), "u", "u"),
        (("configMap", "settings", "empty"), "", ""),
        (("configMap", "settings", "none"), "<absent>", "before"),
        (("configMap", "settings", "binary"), "<absent>", "before"),
        (("configMap", "none", "url"), "<absent>", "before"),
        (("secret", "login", "token"), "t<secret>", "t<secret>"),
        (("secret", "login", "none"), "<absent>", "before"),
        (("secret", "none", "token"), "<absent>", "before"),
    ],
)
def test_references_to_keys(source: tuple[str, str, str], is_: str, if_optional: str) -> None:
    before = literals(A="before")
    required = environment([*before, *a(from_key(*source))], OBJECTS)
    optional = environment([*before, *a(from_key(*source, optional=True))], OBJECTS)
    put_in = environment([*a(from_key(*source)), *literals(B="<$(A)>")], OBJECTS)

    assert said(required.look("A")) == is_
    assert said(optional.look("A")) == if_optional
    assert said(put_in.look("B")) in {f"<{is_}>", "<absent>", "<t><secret>"}


def test_an_optional_reference_to_nothing_leaves_nothing() -> None:
    env = [*a(from_key("secret", "none", "x", optional=True)), *literals(B="$(A)")]

    assert environment(env, OBJECTS).look("A") is None
    assert said(environment(env, OBJECTS).look("B")) == "$(A)"


def test_messages_name_the_object_and_the_key() -> None:
    told = [
        environment(a(from_key(*source)), OBJECTS).look("A")
        for source in (
            ("configMap", "none", "url"),
            ("secret", "login", "none"),
            ("configMap", "settings", "binary"),
        )
    ]

    assert told == [
        Absent("ConfigMap none does not exist"),
        Absent("Secret login is there, and the key none is not in it"),
        Absent("ConfigMap settings is there, and the key binary is only in its binaryData"),
    ]


def test_sources_of_many_variables() -> None:
    sources: list[dict[str, Any]] = [
        {"configMapRef": {"name": "settings"}},
        {"configMapRef": {"name": "more"}},
        {"secretRef": {"name": "login"}, "prefix": "LOGIN_"},
        {"secretRef": {"name": "none", "optional": True}},
    ]
    more: dict[str, Json | None] = {"ConfigMap more": config_map(url="later", other="o")}
    around = environment(
        literals(other="own", both="$(url)/$(LOGIN_token)"), OBJECTS | more, sources=sources
    )

    names = ("url", "empty", "other", "LOGIN_token", "token", "LOGIN_", "binary", "both")
    assert {name: said(around.look(name)) for name in names} == {
        "url": "later",
        "empty": "",
        "other": "own",
        "LOGIN_token": "t<secret>",
        "token": None,
        "LOGIN_": None,
        "binary": None,
        "both": "later/t<secret>",
    }


def test_a_source_that_is_not_there_leaves_no_container() -> None:
    sources = [{"configMapRef": {"name": "none"}}]
    around = environment(literals(A="a", B="$(C)"), OBJECTS, sources=sources)

    assert around.look("C") == Absent("ConfigMap none does not exist")
    assert around.look("B") == Absent("ConfigMap none does not exist")
    assert said(around.look("A")) == "a"


@pytest.mark.parametrize(
    ("name", "service_links", "is_"),
    [
        ("DATABASE_SERVICE_HOST", True, "<may be>"),
        ("DATABASE_SERVICE_PORT_HTTPS", True, "<may be>"),
        ("DATABASE_PORT_5432_TCP_ADDR", True, "<may be>"),
        ("DATABASE_PORT", False, None),
        ("KUBERNETES_SERVICE_HOST", False, "<may be>"),
        ("DATABASE_URL", True, None),
        ("PORT", True, None),
        ("database_PORT", True, None),
    ],
)
def test_what_a_service_may_set(name: str, service_links: bool, is_: str | None) -> None:
    around = environment(literals(URL=f"x$({name})"), service_links=service_links)
    set_here = environment(literals(**{name: "own"}), service_links=service_links)

    assert said(around.look(name)) == is_
    assert said(around.look("URL")) == ("x<unseen>" if is_ else f"x$({name})")
    assert said(set_here.look(name)) == "own"


def test_only_objects_that_have_a_part_in_it_are_needed() -> None:
    env = [
        {"name": "ID", "valueFrom": from_key("secret", "login", "id")},
        {"name": "HOST", "valueFrom": from_key("configMap", "settings", "host")},
        *literals(URL="https://$(HOST)/", PLAIN="x"),
    ]
    needs = {}
    for name in ("ID", "URL", "PLAIN", "NONE"):
        try:
            environment(env).look(name)
        except Needed as needed:
            needs[name] = needed.ref

    assert needs == {
        "ID": DataRef(DataKind.SECRET, "login"),
        "URL": DataRef(DataKind.CONFIG_MAP, "settings"),
    }


def test_a_secret_is_not_needed_for_a_comparison() -> None:
    env = [
        {"name": "ID", "valueFrom": from_key("secret", "login", "id")},
        *literals(URL="https://$(ID)@host/"),
    ]
    found = environment(env, comparing=True).look("URL")

    assert isinstance(found, Text)
    assert (found.secret, found.head) == (True, b"https://")


def test_texts_that_grow_without_end_are_cut_off() -> None:
    doubling = literals(A0="x" * 1000) + [
        {"name": f"A{number}", "value": f"$(A{number - 1})" * 2} for number in range(1, 60)
    ]
    many = literals(A="x" * 100_000) + [
        {"name": f"B{number}", "value": "$(A)"} for number in range(200)
    ]
    many.append({"name": "ALL", "value": "".join(f"$(B{number})" for number in range(200))})
    chain = [*literals(A="x"), *([{"name": "A", "value": "$(A)"}] * 5000)]

    assert said(environment(doubling).look("A59")) == "<unseen>"
    around = environment(many)
    assert said(around.look("ALL")) == "<unseen>"
    sizes = [
        len(found.known) for n in range(200) if isinstance(found := around.look(f"B{n}"), Text)
    ]
    assert (len(sizes), sum(sizes) <= MAX_TEXTS) == (200, True)
    assert said(environment(chain).look("A")) == "x"
