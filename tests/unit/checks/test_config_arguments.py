"""Flags are what the usual parsers make of them, and what cannot be seen is not guessed."""

from typing import Any

import pytest

from unit.checks.containers import config_map, flag, from_key, literals, said, secret

REFERENCES: list[dict[str, Any]] = [
    {"name": "TOKEN", "valueFrom": from_key("secret", "login", "token")},
    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    {"name": "EXTRA", "valueFrom": from_key("configMap", "settings", "extra")},
    {"name": "BROKEN", "valueFrom": from_key("configMap", "none", "extra")},
    *literals(HOST="host", FLAG="--url", EMPTY="", SCRIPT="exec run --url=x"),
]
OBJECTS: dict[str, Any] = {
    "Secret login": secret(token="--url=t"),
    "ConfigMap settings": config_map(extra="--url=extra"),
    "ConfigMap none": None,
}


@pytest.mark.parametrize(
    ("line", "is_"),
    [
        ("run --url=x", "x"),
        ("run --url x", "x"),
        ("run --url=", ""),
        ("run --url", "<bare>"),
        ("run --url --other", "<bare>"),
        ("run --url -o", "<bare>"),
        ("run --url -", "-"),
        ("run --url -1", "-1"),
        ("run --url -.5e3", "-.5e3"),
        ("run --url=-x", "-x"),
        ("run --url=a=b", "a=b"),
        ("run --url=a --url=b", "b"),
        ("run --url a --url", "<bare>"),
        ("run --url --url=b", "b"),
        ("run -- --url=x", "x"),
        ("tini -- run --url x", "x"),
        ("run --urls=x", "<absent>"),
        ("run -url=x", "<absent>"),
        ("run --url-of=x", "<absent>"),
        ("run url=x", "<absent>"),
        ("run serve", "<absent>"),
    ],
)
def test_a_flag_on_a_plain_command_line(line: str, is_: str) -> None:
    assert said(flag("--url", *line.split())) == is_


def test_arguments_that_are_empty_or_hold_blanks() -> None:
    assert said(flag("--url", "run", "--url", "")) == ""
    assert said(flag("--url", "run", "--url", "a b")) == "a b"
    assert said(flag("--url", "run", "--url=a b")) == "a b"


def test_without_a_command_line_the_image_has_it() -> None:
    assert said(flag("--url")) == "<may be>"


@pytest.mark.parametrize(
    "script",
    [
        "exec run --url=x",
        "run --url x",
        "a;run '--url' x",
        'run "--url=x"',
        "run \\\n  --url=x",
        "run --url",
    ],
)
def test_a_flag_in_a_script_cannot_be_seen(script: str) -> None:
    assert said(flag("--url", "sh", "-c", script)) == "<may be>"
    assert said(flag("--url", "sh", "-c", script.replace("--url", "--urls"))) == "<absent>"
    assert said(flag("--url", "sh", "-c", script, "--url=y")) == "<unseen>"


@pytest.mark.parametrize(
    ("line", "is_"),
    [
        ("run --url=https://$(HOST)/", "https://host/"),
        ("run --url $(HOST)", "host"),
        ("run --url $(EMPTY)", ""),
        ("run --url=$(NONE)", "$(NONE)"),
        ("run --url=$$(HOST)", "$(HOST)"),
        ("run --url=$(TOKEN)", "--url=t<secret>"),
        ("run --url $(TOKEN)", "--url=t<secret>"),
        ("run --url=$(POD)", "<unseen>"),
        ("run --url=x$(POD)", "x<unseen>"),
        ("run --url=$(BROKEN)", "<absent>"),
        # An argument as a whole: a flag where that can be known, else perhaps one.
        ("run $(EXTRA)", "extra"),
        ("run --url=x $(EXTRA)", "extra"),
        ("run $(EXTRA) --url=x", "x"),
        ("run $(FLAG) x", "x"),
        ("run $(FLAG)=x", "x"),
        ("run --$(HOST)", "<absent>"),
        ("run $(TOKEN)", "<may be>"),
        ("run $(TOKEN)--url=x", "<may be>"),
        ("run $(POD)--url=x", "<may be>"),
        ("run $(POD)", "<may be>"),
        ("run $(TOKEN) --url=x", "x"),
        ("run --url=x $(TOKEN)", "<unseen>"),
        ("run --url=x --$(POD)", "<unseen>"),
        ("run --url=x --$(TOKEN)", "<unseen>"),
        ("run --ur$(TOKEN) --url=x", "x"),
        ("run --other=$(TOKEN)", "<absent>"),
        ("run --other=$(POD)", "<absent>"),
        ("run x$(TOKEN)", "<absent>"),
        # The value of another flag.
        ("run --url=x --token $(TOKEN)", "x"),
        ("run --url=x --node $(POD)", "x"),
        ("run --url=x --node=y $(POD)", "<unseen>"),
        ("run $(SCRIPT)", "<may be>"),
        ("run $(BROKEN)", "<absent>"),
    ],
)
def test_references_on_a_command_line(line: str, is_: str) -> None:
    assert said(flag("--url", *line.split(), env=REFERENCES, objects=OBJECTS)) == is_
