"""Environment and flags agree with second readings of the documentation, written here alone.

What is said of a comparison, besides, does not depend on any Secret's content.
"""

import argparse
import getopt
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servicesop.api.checks.config import Value
from servicesop.checks.config_arguments import argument
from servicesop.checks.config_environment import Environment
from servicesop.checks.config_judgement import judge_value
from servicesop.checks.config_text import Absent, Outcome, Text, literal
from servicesop.sources.errors import SourceError
from unit.checks.containers import Json, config_map, environment, flag, known, said, secret

NAMES = ("A", "B", "C", "P_A", "P_B")
KEYS = ("A", "B", "C")
URL = "https://x"
SECRET, UNSEEN = "\N{SECTION SIGN}", "\N{PILCROW SIGN}"
"""Signs that values have which come from a Secret, or cannot be seen; nothing else has them."""

fragments = st.sampled_from(
    [
        "$",
        "$$",
        "(",
        ")",
        "$(",
        "$()",
        "x",
        "--u=",
        "-",
        "",
        *(f"$({name})" for name in (*NAMES, "NONE")),
    ]
)
texts = st.lists(fragments, max_size=5).map("".join)
optional = st.booleans()
names = st.sampled_from(NAMES)


def key_refs(kind: str) -> st.SearchStrategy[Json]:
    ref = st.fixed_dictionaries(
        {
            "name": st.sampled_from(["one", "two", "gone"]),
            "key": st.sampled_from(KEYS),
            "optional": optional,
        }
    )
    return ref.map(lambda ref: {f"{kind}KeyRef": ref})


values_from = st.one_of(
    key_refs("configMap"), key_refs("secret"), st.just({"fieldRef": {"fieldPath": "metadata.name"}})
)
entries = st.one_of(
    st.builds(lambda name, value: {"name": name, "value": value}, names, texts),
    st.builds(lambda name, source: {"name": name, "valueFrom": source}, names, values_from),
    st.builds(lambda name: {"name": name}, names),
)
from_all = st.builds(
    lambda kind, name, optional, prefix: {
        f"{kind}Ref": {"name": name, "optional": optional},
        "prefix": prefix,
    },
    st.sampled_from(["configMap", "secret"]),
    st.sampled_from(["one", "two", "gone"]),
    optional,
    st.sampled_from(["", "P_"]),
)
data = st.dictionaries(st.sampled_from(KEYS), texts, max_size=3)
containers = st.fixed_dictionaries(
    {"env": st.lists(entries, max_size=6), "envFrom": st.lists(from_all, max_size=3)}
)
objects = st.fixed_dictionaries(
    {"configMap one": data, "configMap two": data, "secret one": data, "secret two": data}
)


class NoContainerError(Exception):
    """The kubelet reports an error, and makes no container."""


def documented(text: str, variables: dict[str, str]) -> str:
    """Expand as the API documents EnvVar.value.

    "If a variable cannot be resolved, the reference in the input string will be unchanged. Double
    $$ are reduced to a single $, which allows for escaping the $(VAR_NAME) syntax."
    """

    def put_in(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", put_in, text, flags=re.S)


def documented_environment(container: Json, held: dict[str, dict[str, str]]) -> dict[str, str]:
    """Make all variables, in the order of the documentation: envFrom, then env, the last wins."""
    made: dict[str, str] = {}

    def read(ref: Json, kind: str, *, optional: bool) -> dict[str, str] | None:
        found = held.get(f"{kind} {ref['name']}")
        if found is None and not optional:
            raise NoContainerError
        mark = SECRET if kind == "secret" else ""
        return None if found is None else {key: value + mark for key, value in found.items()}

    for source in container["envFrom"]:
        (kind,) = (key.removesuffix("Ref") for key in source if key.endswith("Ref"))
        ref = source[f"{kind}Ref"]
        for key, value in (read(ref, kind, optional=ref["optional"]) or {}).items():
            made[source["prefix"] + key] = value
    for entry in container["env"]:
        source = entry.get("valueFrom")
        if source is None:
            made[entry["name"]] = documented(entry.get("value", ""), made)
        elif "fieldRef" in source:
            made[entry["name"]] = UNSEEN
        else:
            ((field, ref),) = source.items()
            found = read(ref, field.removesuffix("KeyRef"), optional=ref["optional"]) or {}
            if ref["key"] in found:
                made[entry["name"]] = found[ref["key"]]
            elif not ref["optional"]:
                raise NoContainerError
    return made


def read_objects(held: dict[str, dict[str, str]]) -> dict[str, Json | None]:
    given: dict[str, Json | None] = {"ConfigMap gone": None, "Secret gone": None}
    for ref, values in held.items():
        kind, name = ref.split()
        if kind == "secret":
            given[f"Secret {name}"] = secret(**{k: v + SECRET for k, v in values.items()})
        else:
            given[f"ConfigMap {name}"] = config_map(**values)
    return given


def marked(found: Outcome | None) -> tuple[str, bool, bool] | None:
    """A value without the signs, and which of them it has."""
    if found is None:
        return None
    assert isinstance(found, Text)
    return found.known.decode().replace(SECRET, ""), found.secret, bool(found.unseen)


def without_marks(text: str | None) -> tuple[str, bool, bool] | None:
    if text is None:
        return None
    return text.replace(SECRET, "").replace(UNSEEN, ""), SECRET in text, UNSEEN in text


@settings(max_examples=400, deadline=None)
@given(container=containers, held=objects, line=texts)
def test_variables_agree_with_the_documentation(
    container: Json, held: dict[str, dict[str, str]], line: str
) -> None:
    around = environment(
        container["env"], read_objects(held), sources=container["envFrom"], service_links=False
    )
    try:
        made = documented_environment(container, held)
    except NoContainerError:
        # Some variables are all the same what they are; at least one reference is broken.
        for name in NAMES:
            around.look(name)
        return

    for name in (*NAMES, "NONE"):
        assert marked(around.look(name)) == without_marks(made.get(name))
    (argument,) = environment_argument(line, around)
    assert marked(argument) == without_marks(documented(line, made))


def environment_argument(text: str, around: Environment) -> list[Outcome]:
    return [argument("--flag", [f"--flag={text}"], around.look)]


@settings(max_examples=200, deadline=None)
@given(container=containers, held=objects)
def test_a_container_that_is_not_made_has_a_value_that_is_missing(
    container: Json, held: dict[str, dict[str, str]]
) -> None:
    around = environment(
        container["env"], read_objects(held), sources=container["envFrom"], service_links=False
    )
    last = {entry["name"]: entry for entry in container["env"]}
    for name, entry in last.items():
        try:
            made = documented_environment({"env": [entry], "envFrom": []}, held)
        except NoContainerError:
            assert isinstance(around.look(name), Absent)
        else:
            if "valueFrom" in entry and name in made:
                assert marked(around.look(name)) == without_marks(made[name])


# ---- flags

words = st.sampled_from(["x", "serve", "", "-", "-1", "-.5", "a=b", "--x=y"])
plain = st.sampled_from(["x", "y", "a=b", "0", "http://host:80/?a=b&c=d", ""])
options = st.one_of(
    st.tuples(st.sampled_from(["--url", "--other"]), st.just("="), plain),
    st.tuples(st.sampled_from(["--url", "--other"]), st.just(" "), plain),
    st.tuples(st.just("--debug"), st.just(""), st.just("")),
)


def written(option: tuple[str, str, str]) -> list[str]:
    name, between, value = option
    if not between:
        return [name]
    return [f"{name}={value}"] if between == "=" else [name, value]


@settings(max_examples=200, deadline=None)
@given(given_options=st.lists(options, max_size=6))
def test_flags_agree_with_parsers_that_know_them(
    given_options: list[tuple[str, str, str]],
) -> None:
    line = [word for option in given_options for word in written(option)]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--url")
    parser.add_argument("--other")
    parser.add_argument("--debug", action="store_true")
    parsed = vars(parser.parse_args(line))
    by_getopt = dict(getopt.getopt(line, "", ["url=", "other=", "debug"])[0])

    for name in ("url", "other"):
        ours = said(flag(f"--{name}", "program", *line))
        assert ours == (parsed[name] if f"--{name}" in by_getopt else "<absent>")
        assert ours == by_getopt.get(f"--{name}", "<absent>")
    assert (said(flag("--debug", "program", *line)) == "<bare>") is parsed["debug"]


def documented_flag(name: str, line: list[str]) -> str:
    """Read the line from its front, as docs/checks/config.md says it is read."""
    value = "<absent>"
    for index, word in enumerate(line):
        if word == name:
            after = line[index + 1] if index + 1 < len(line) else "--"
            dashed = after.startswith("-") and not re.fullmatch(r"-|-[.]?[0-9].*", after)
            value = "<bare>" if dashed else after
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
    return value


@settings(max_examples=300, deadline=None)
@given(
    line=st.lists(
        st.one_of(words, st.sampled_from(["--url", "--url=", "--url=x", "--urls", "-u", "--"])),
        min_size=1,
    )
)
def test_any_plain_line_is_read_as_it_is_documented(line: list[str]) -> None:
    assert said(flag("--url", *line)) == documented_flag("--url", line)


@settings(max_examples=300, deadline=None)
@given(line=st.lists(texts, min_size=1, max_size=5), values=data)
def test_references_are_put_in_before_flags_are_read(
    line: list[str], values: dict[str, str]
) -> None:
    variables = [{"name": name, "value": text.replace("$", "$$")} for name, text in values.items()]
    expanded = [documented(word, values) for word in line]
    ours = said(flag("--u", *line, env=variables))

    # A reference that follows a flag is taken for its value, unseen.
    value_of_a_flag = any(
        word.startswith("$(") and before.startswith("-") and "=" not in before
        for before, word in pairwise(line)
    )
    assert value_of_a_flag or ours in (documented_flag("--u", expanded), "<may be>", "<unseen>")
    if ours in ("<may be>", "<unseen>"):
        assert any("--u" in word[1:] for word in expanded), "only where it is in a longer text"


# ---- nothing of a Secret decides a comparison

CONTENTS = [
    "",
    "x",
    "y",
    "-",
    "-1",
    "--url",
    "--url=x",
    "--url=y",
    "--else",
    "https://x",
    "a --url",
]
contents = st.fixed_dictionaries(dict.fromkeys(KEYS, st.sampled_from(CONTENTS)))
fed: list[Json] = [
    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "A"}}},
    {"name": "B", "value": "$(A)"},
    {"name": "B", "value": "x$(C)"},
    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "A"}}},
    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "one", "key": "C"}}},
]
fed_containers = st.fixed_dictionaries(
    {
        "env": st.lists(st.sampled_from(fed), max_size=4),
        "envFrom": st.sampled_from([[], [{"secretRef": {"name": "one"}}]]),
    }
)
fed_words = st.sampled_from(
    ["--url", "--url=x", "$(A)", "--url=$(A)", "$(B)", "x", "--$(C)", "--ur$(A)", "$(C)=x"]
)
asked_of = st.sampled_from([{"env": "A"}, {"env": "B"}, {"argument": "--url"}])
comparisons = st.sampled_from(
    [{"equals": "x"}, {"equals": "true"}, {"matches": ".*"}, {"matches": "x*"}, {"url": URL}]
)


def judged(container: Json, inside: dict[str, str], line: list[str], asked: Json) -> str:
    """All that anybody hears of a value."""
    value = Value.model_validate(asked)
    read = known({"ConfigMap one": config_map(A="x"), "Secret one": secret(**inside)})
    around = Environment(container, read, service_links=False, comparing=value.compares)
    found = argument("--url", line, around.look) if value.argument else around.look(str(value.env))
    try:
        return repr(judge_value(value, found or Absent("nothing sets it")))
    except SourceError as refused:
        return f"{refused.reason} {refused.message}"


@settings(max_examples=400, deadline=None)
@given(
    container=fed_containers,
    line=st.lists(fed_words, min_size=1, max_size=4),
    asked=st.builds(lambda where, how: where | how, asked_of, comparisons),
    inside=contents,
    instead=contents,
)
def test_a_comparison_tells_nothing_of_a_secret(
    container: Json,
    line: list[str],
    asked: Json,
    inside: dict[str, str],
    instead: dict[str, str],
) -> None:
    told = judged(container, inside, line, asked)

    assert judged(container, instead, line, asked) == told


@settings(max_examples=400, deadline=None)
@given(
    container=fed_containers,
    line=st.lists(fed_words, min_size=1, max_size=4),
    where=asked_of,
    least=st.integers(0, 8),
    inside=contents,
)
def test_what_else_is_asked_tells_only_whether_it_is_long_enough(
    container: Json, line: list[str], where: Json, least: int, inside: dict[str, str]
) -> None:
    asked = where | ({"minLength": least} if least else {})
    told = judged(container, inside, line, asked)
    as_long = {key: "#" * len(text) for key, text in inside.items()}
    longer = {key: "#" * (len(text) + 9) for key, text in inside.items()}

    assert judged(container, as_long, line, asked) == told
    if all(len(text) >= max(least, 1) for text in inside.values()):
        assert judged(container, longer, line, asked) == told


@pytest.mark.parametrize("text", ["$(A)", "x"])
def test_the_oracles_tell_right_from_wrong(text: str) -> None:
    assert documented(text, {"A": "1"}) == {"$(A)": "1", "x": "x"}[text]
    assert literal(text).known == text.encode()
