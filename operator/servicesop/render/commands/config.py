"""`config` by hand: what a container is given; of Secrets only the length is shown."""

from servicesop.api.checks.check import Check
from servicesop.api.checks.config import DataKind, DataObject, Value
from servicesop.render.by_hand import KUBECTL, SECRET_KEY, ByHand, Command, Names, resource, word
from servicesop.render.markdown import code

_WORDS = (
    "{{range .spec.template.spec.containers}}%s"
    "{{range .command}}{{println .}}{{end}}{{range .args}}{{println .}}{{end}}%s{{end}}"
)
_SHOWN = "What is not compared is shown by its length."


def config(check: Check, names: Names) -> ByHand:
    """Show the values that the check is about."""
    spec = check.config
    assert spec is not None
    asserts = "; ".join(_asked(value) for value in spec.values)
    if spec.object is not None:
        where = code(f"{spec.object.kind.value} {spec.object.name}")
        return ByHand(f"in {where}, {asserts}", tuple(_keys(spec.object, spec.values)))
    target = resource(names.target(spec.target))
    commands = []
    if any(value.argument is not None for value in spec.values):
        commands.append(_arguments(target, spec.container, spec.values))
    if any(value.env is not None for value in spec.values):
        commands.append(_variables(target, spec.container, spec.values))
    return ByHand(f"in the pods of {code(target)}, {asserts}", tuple(commands))


def _keys(of: DataObject, values: tuple[Value, ...]) -> list[Command]:
    keys = [value.key for value in values if value.key is not None]
    if of.kind is DataKind.SECRET:
        lines = [f"secret_key {word(of.name)} {word(key)} | wc -c" for key in keys]
        return [Command("\n".join(lines), "Lengths only:", needs=(SECRET_KEY,))]
    lines = [
        f"{KUBECTL} get configmap {word(of.name)} -o go-template="
        + word(f'{{{{println (index .data "{key}")}}}}')
        for key in keys
    ]
    return [Command("\n".join(lines))]


def _arguments(target: str, container: str | None, values: tuple[Value, ...]) -> Command:
    chosen = f'{{{{if eq .name "{container}"}}}}' if container is not None else ""
    template = _WORDS % (chosen, "{{end}}" if chosen else "")
    of = [value for value in values if value.argument is not None]
    lines = [f"arguments=$({KUBECTL} get {target} -o go-template={word(template)})"]
    lines += [f"printf '%s' \"$arguments\" | {_flag(value)}" for value in of]
    return Command("\n".join(lines), _SHOWN)


def _flag(value: Value) -> str:
    """Show a flag with its value, which stands behind it or on the next line, or its length."""
    shown = "" if value.compares else "length"
    return f"awk -v flag={word(value.argument or '')} " + word(
        f'index($0, flag "=") == 1 {{print flag, {shown}(substr($0, length(flag) + 2))}}'
        f" $0 == flag {{getline; print flag, {shown}($0)}}"
    )


def _variables(target: str, container: str | None, values: tuple[Value, ...]) -> Command:
    of = f" -c {word(container)}" if container is not None else ""
    named = [value for value in values if value.env is not None]
    wanted = " ".join(f"-e {word(value.env or '')}" for value in named)
    lines = [f"{KUBECTL} set env {target}{of} --list", f"  grep -w -F {wanted}"]
    lines += [
        f"  awk -v name={word(value.env or '')} "
        + word('index($0, name "=") == 1 {$0 = name " " length($0) - length(name) - 1} {print}')
        for value in named
        if not value.compares
    ]
    return Command(" |\n".join(lines), f"{_SHOWN} References are named, not resolved:")


def _asked(value: Value) -> str:
    name = code(value.env or value.argument or value.key or "")
    asked = ["is not empty"] if value.non_empty else []
    if value.min_length is not None:
        asked.append(f"has at least {value.min_length} characters")
    if value.equals is not None:
        asked.append(f"is {code(value.equals)}" if value.equals else "is the empty text")
    if value.url is not None:
        asked.append(f"is the URL {code(value.url)}")
    if value.matches is not None:
        asked.append(f"matches {code(value.matches)} as a whole")
    return f"{name} {' and '.join(asked) or 'is set'}"
