"""`workload` by hand."""

from servicesop.api.checks.check import Check
from servicesop.api.durations import format_duration
from servicesop.render.by_hand import KUBECTL, SELECTOR_OF, ByHand, Command, Names, resource
from servicesop.render.markdown import code


def workload(check: Check, names: Names) -> ByHand:
    """Look at the workload's replicas, and at what its pods are doing."""
    spec = check.workload
    assert spec is not None
    target = names.target(spec.target)
    ready = "all" if spec.min_ready is None else f"at least {spec.min_ready}"
    parts = [] if spec.replicas is None else [f"has at least {spec.replicas} replicas configured"]
    parts.append(f"has {ready} of its pods ready")
    if spec.restarts is not None:
        window = format_duration(spec.restarts.within)
        parts.append(f"its containers restarted at most {spec.restarts.max} times in {window}")
    commands = (
        Command(f"{KUBECTL} get {resource(target)}"),
        Command(f'{KUBECTL} get pods -l "$(selector_of {resource(target)})"', needs=(SELECTOR_OF,)),
    )
    return ByHand(f"{code(resource(target))} {_listed(parts)}", _joined(commands))


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _joined(commands: tuple[Command, ...]) -> tuple[Command, ...]:
    needs = tuple(one for command in commands for one in command.needs)
    return (Command("\n".join(command.text for command in commands), needs=needs),)
