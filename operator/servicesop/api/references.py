"""The rules over names: what a name refers to must exist, and names in a list must differ.

They are made from the schema itself: a field that is declared as a reference (see
`servicesop.api.base.wire`) gets its rule here, so that a new field cannot be forgotten.

The API server refuses a CRD whose rules might cost too much, by an estimate over the bounds of all
lists involved. Two things keep these rules affordable. The list of allowed names is computed once:
`[names].all(known, ...)` is the way to bind a variable in the CEL of Kubernetes, and membership in
a bound list of plain names is estimated by its length alone. And each referring list has one rule.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from servicesop.api.base import INSTEAD, REFERENCES, Rule

_ITEMS = "[]"
Path = tuple[str, ...]
"""Fields from the spec down; `checks[]` is each item of a list: `("checks[]", "name")`."""


def reference_rules(
    spec: Mapping[str, Any],
    findings: Mapping[str, tuple[str, ...]],
    named: Mapping[str, str],
) -> list[Rule]:
    """Give the rules of all references in the schema of the spec.

    `findings` holds, by check type, what every check of that type can find; `named` which list of
    such a check names further findings of its own.
    """
    rules = [_rule(path, _allowed(to, findings, named)) for path, to in _references(spec, ())]
    return [*rules, _targets_needed(spec)]


def unique_names(names: str) -> Rule:
    """Give the rule, on the list itself, that no two of its items have the same name."""
    twice = "!self.exists_one(b, b.name == a.name)"
    message = f"the names in {names} must be unique"
    return Rule(
        "self.all(a, self.exists_one(b, b.name == a.name))",
        message,
        message_expression=_naming(f"{message}: there are two", f"self.filter(a, {twice})[0].name"),
    )


def double_names(
    schema: Mapping[str, Any], values: Any, path: str = ""
) -> Iterator[tuple[str, str]]:
    """Give field and message of each list, in the values of a schema, that has a name twice."""
    for field, inner in schema.get("properties", {}).items():
        found = values.get(field)
        if found is None:
            continue
        items = inner.get("items", {})
        if "name" in items.get("properties", {}):
            names = [item["name"] for item in found]
            double = next((name for name in names if names.count(name) > 1), None)
            if double is not None:
                message = f"{unique_names(field).message}: there are two {double}"
                yield f"{path}.{field}", message
        if "properties" in items:
            for index, item in enumerate(found):
                yield from double_names(items, item, f"{path}.{field}[{index}]")
        else:
            yield from double_names(inner, found, f"{path}.{field}")


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What a reference may be."""

    variables: dict[str, str]
    """Lists of names, by the variable that they are bound to."""
    test: str
    """CEL over those variables and `{0}`, the name."""
    message: str
    """What is allowed."""


def _allowed(
    to: str, findings: Mapping[str, tuple[str, ...]], named: Mapping[str, str]
) -> _Allowed:
    if to == "tables":
        # A procedure has either a table or a reference to one, so that this also refuses chains
        # and a procedure that refers to itself.
        return _Allowed(
            {"known": "self.procedures.filter(k, has(k.handle)).map(k, k.name)"},
            "({0} in known)",
            "must be the name of another procedure, one that has a handle of its own",
        )
    if to == "findings":
        return _findings(findings, named)
    items, _, field = to.partition("/")
    chosen = f".filter(k, has(k.{field}))" if field else ""
    return _Allowed(
        {"known": f"has(self.{items}) ? self.{items}{chosen}.map(k, k.name) : []"},
        "({0} in known)",
        f"must be the name of one of spec.{items}" + (f" that has {field}" if field else ""),
    )


def _findings(findings: Mapping[str, tuple[str, ...]], named: Mapping[str, str]) -> _Allowed:
    # One variable per check type holds the names of its checks. A single list of `check/Finding`
    # would read better, but the server takes the length of composed texts for unlimited.
    variables = {"known": "self.checks.map(k, k.name)"}
    of_type = []
    for check_type, found in findings.items():
        variables[f"{check_type}Checks"] = (
            f"self.checks.filter(k, has(k.{check_type})).map(k, k.name)"
        )
        of_type.append(
            f"{{0}}.split('/')[1] in {list(found)} && {{0}}.split('/')[0] in {check_type}Checks"
        )
    for check_type, names in named.items():
        # Which names these are would cost more than the server allows: the models look at that.
        variables[f"{check_type}Own"] = (
            f"self.checks.filter(k, has(k.{check_type}) && has(k.{check_type}.{names}))"
            ".map(k, k.name)"
        )
        of_type.append(f"{{0}}.split('/')[0] in {check_type}Own")
    listed = ", ".join(
        f"{check_type}: {' '.join(found)}"
        + (f" and its {named[check_type]}" if check_type in named else "")
        for check_type, found in findings.items()
    )
    return _Allowed(
        variables,
        f"({{0}} in known || ({{0}}.split('/').size() == 2 && ({' || '.join(of_type)})))",
        "must be the name of one of spec.checks,"
        f" or check/Finding with a finding of the check's type ({listed})",
    )


def _references(schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    if REFERENCES in schema:
        yield path, schema[REFERENCES]
    for name, field in schema.get("properties", {}).items():
        yield from _references(field, (*path, name))
    if "items" in schema:
        yield from _references(schema["items"], (*path[:-1], path[-1] + _ITEMS))


def broken_references(
    spec: Mapping[str, Any],
    findings: Mapping[str, tuple[str, ...]],
    named: Mapping[str, str],
    values: Mapping[str, Any],
    findings_of_checks: Mapping[str, tuple[str, ...]],
) -> Iterator[tuple[str, str | None, str]]:
    """Give field, value and message of all that breaks a rule of `reference_rules`.

    The API server can name only the list and one item of it; here each name has its own field.

    `findings_of_checks` holds, by the name of a check, what it can find.
    """
    for path, to in _references(spec, ()):
        known = _known(to, values, findings_of_checks)
        for field, name in _placed(values, path):
            if name not in known:
                yield field, name, _allowed(to, findings, named).message
    used = (
        part
        for path in _users(spec)
        for _, part in _placed(values, path)
        if not any(field in part for field in _instead(spec, path))
    )
    if not values.get("targets") and any(True for _ in used):
        yield ".targets", None, _targets_needed(spec).message


def _known(
    to: str, values: Mapping[str, Any], findings_of_checks: Mapping[str, tuple[str, ...]]
) -> set[str]:
    if to == "tables":
        return {item["name"] for item in values["procedures"] if item.get("handle")}
    if to == "findings":
        return set(findings_of_checks) | {
            f"{check}/{finding}" for check, found in findings_of_checks.items() for finding in found
        }
    items, _, field = to.partition("/")
    return {item["name"] for item in values.get(items, ()) if not field or field in item}


def _placed(node: Any, path: Path, field: str = "") -> Iterator[tuple[str, Any]]:
    """Give what stands at the path, in every item of the lists on the way, and its own field."""
    if not path:
        yield field, node
        return
    name = path[0].removesuffix(_ITEMS)
    found = node.get(name)
    if found is None:
        return
    if path[0].endswith(_ITEMS):
        for index, item in enumerate(found):
            yield from _placed(item, path[1:], f"{field}.{name}[{index}]")
    else:
        yield from _placed(found, path[1:], f"{field}.{name}")


def _rule(path: Path, allowed: _Allowed) -> Rule:
    # All references stand in an item of a list of the spec, and that item has a name. Naming the
    # offender itself is beyond the estimate: nothing is known of a list inside a filtered one.
    where, items = ".".join(path).removesuffix(_ITEMS), path[0].removesuffix(_ITEMS)
    holds = _every("self", path, allowed.test)
    wrong = f"self.{items}.filter(item, !{_every('item', path[1:], allowed.test)})[0].name"
    for variable, names in reversed(allowed.variables.items()):
        holds = f"[{names}].all({variable}, {holds})"
        wrong = f"[{names}].map({variable}, {wrong})[0]"
    message = f"{where} {allowed.message}"
    return Rule(
        holds,
        message,
        message_expression=_naming(f"{message}; wrong in", wrong),
        field=f".{items}",
    )


def _naming(text: str, name: str) -> str:
    """CEL: the text and the name. `+` would do, but is estimated as if the name had no bound."""
    return f"{json.dumps(text + ' %s')}.format([{name}])"


def _not_used(spec: Mapping[str, Any], user: Path) -> str:
    """CEL: whether a part of `{0}` that may name a target is not there, or says what else."""
    here = f"{{0}}.{user[-1]}"
    instead = _instead(spec, user)
    return " || ".join([f"!has({here})", *(f"has({here}.{field})" for field in instead)])


def _instead(spec: Mapping[str, Any], user: Path) -> set[str]:
    """Give the fields of such a part that take the place of a target."""
    fields = _at(spec, user)["properties"]
    return {field[INSTEAD] for field in fields.values() if INSTEAD in field}


def _at(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    for part in path:
        schema = schema["properties"][part.removesuffix(_ITEMS)]
        schema = schema.get("items", schema)
    return schema


def _every(base: str, path: Path, test: str) -> str:
    """CEL: whether the test is true for all values at the path; what is not set passes."""
    here = f"{base}.{path[0].removesuffix(_ITEMS)}"
    variable, each = _variable(path), path[0].endswith(_ITEMS)
    inner = variable if each else here
    holds = _every(inner, path[1:], test) if path[1:] else test.format(inner)
    return f"(!has({here}) || {f'{here}.all({variable}, {holds})' if each else holds})"


def _variable(path: Path) -> str:
    """Name the variable of a list by how deep the rest of the path is: it differs per level."""
    return f"v{len(path)}"


def _targets_needed(spec: Mapping[str, Any]) -> Rule:
    users = _users(spec)
    unused = " && ".join(_every("self", path[:-1], _not_used(spec, path)) for path in users)
    # `to` says little without the check that it is of.
    known = [path[-2] if path[-1] == "to" else path[-1] for path in users]
    names = " ".join(dict.fromkeys(known))
    return Rule(
        f"(has(self.targets) && self.targets.size() > 0) || ({unused})",
        f"targets must hold at least one workload when one of [{names}] is used",
        field=".targets",
    )


def _users(spec: Mapping[str, Any]) -> list[Path]:
    # A check or action that may name a target uses the first one when it names none.
    return [path[:-1] for path, to in _references(spec, ()) if to == "targets"]
