"""The pods' logs by hand: `logs`, and what pods log of their leadership."""

from servicesop.api.checks.check import Check
from servicesop.api.checks.logs import LogClass, Logs, Per
from servicesop.api.durations import format_duration
from servicesop.render.by_hand import (
    KUBECTL,
    PODS_OF,
    ByHand,
    Command,
    Names,
    resource,
    word,
)
from servicesop.render.markdown import code


def logs(check: Check, names: Names) -> ByHand:
    """Count the lines that match, pod by pod."""
    spec = check.logs
    assert spec is not None
    target = resource(names.target(spec.target))
    since = f"--since={format_duration(spec.within)}"
    says = (
        "A message of several lines begins with a line that matches"
        f" {code(spec.join.start)}, and counts once however many of its lines are counted here:"
        if spec.join is not None
        else ""
    )
    counted = Command(
        each_pod(target, spec.container, since, f"grep -cP -e {word(spec.pattern)}"),
        says,
        needs=(PODS_OF,),
    )
    commands = (counted, *(_of_class(one, spec, target, since) for one in spec.classes))
    return ByHand(f"{_limits(spec)} {_where(spec, target)}", commands)


def each_pod(target: str, container: str | None, since: str, then: str) -> str:
    """Give a loop that reads the log of each pod into another command."""
    of = f"-c {word(container)}" if container is not None else "--all-containers"
    options = " ".join(filter(None, (of, since)))
    return f"""\
for pod in $(pods_of {target}); do
  echo "$pod"
  {KUBECTL} logs "$pod" {options} |
    {then}
done"""


def _of_class(one: LogClass, spec: Logs, target: str, since: str) -> Command:
    share = f" when they are at least {one.min_share} of all" if one.min_share is not None else ""
    if one.pattern is None:
        others = [each.pattern for each in spec.classes if each.pattern is not None]
        then = "".join(f" | grep -vP -e {word(pattern)}" for pattern in others)
        says = f"Those that are of none of its other kinds are {code(one.name)}{share}:"
    else:
        then = f" | grep -P -e {word(one.pattern)}"
        says = f"Those that match {code(one.pattern)} are {code(one.name)}{share}:"
    text = each_pod(target, spec.container, since, f"grep -P -e {word(spec.pattern)}{then}")
    return Command(text, says, needs=(PODS_OF,))


def _limits(spec: Logs) -> str:
    what = "messages" if spec.join is not None else "lines"
    if spec.max == 0:
        return f"there is no {what.removesuffix('s')} that matches {code(spec.pattern)}"
    limits = [f"at least {spec.min}"] if spec.min is not None else []
    limits += [f"at most {spec.max}"] if spec.max is not None else []
    return f"there are {' and '.join(limits)} {what} that match {code(spec.pattern)}"


def _where(spec: Logs, target: str) -> str:
    container = f" (container {code(spec.container)})" if spec.container is not None else ""
    pods = "each pod" if spec.per is Per.POD else "all pods together"
    window = format_duration(spec.within)
    return f"in the logs of {pods} of {code(target)}{container} within {window}"
