"""The pods' logs by hand: `logs`, and what pods log of their leadership."""

from collections.abc import Sequence

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
        f" {code(spec.join.start)}, and counts once however many of its lines are counted here."
        if spec.join is not None
        else ""
    )
    if spec.classes:
        text = _by_kind(target, spec, since)
        says = " ".join(filter(None, (says, _shares(spec.classes))))
    else:
        text = each_pod(target, spec.container, since, f"grep -cP -e {word(spec.pattern)}")
    commands = (Command(text, says, needs=(PODS_OF,)),)
    return ByHand(f"{_limits(spec)} {_where(spec, target)}", commands)


def each_pod(target: str, container: str | None, since: str, then: str) -> str:
    """Give a loop that reads the log of each pod into another command."""
    return f"""\
for pod in $(pods_of {target}); do
  echo "$pod"
  {_read(container, since)} |
    {then}
done"""


def _read(container: str | None, since: str) -> str:
    of = f"-c {word(container)}" if container is not None else "--all-containers"
    return " ".join(filter(None, (f'{KUBECTL} logs "$pod"', of, since)))


def _by_kind(target: str, spec: Logs, since: str) -> str:
    """Count what matches, and of it each kind: the first kind that matches a line takes it."""
    counts, others = [], ""
    kinds = [one for one in spec.classes if one.pattern is not None]
    for one in kinds:
        assert one.pattern is not None
        counts.append((one.name, f"{others} | grep -cP -e {word(one.pattern)}"))
        others += f" | grep -vP -e {word(one.pattern)}"
    counts += [(one.name, f"{others} | grep -c ''") for one in spec.classes if one.pattern is None]
    lines = [
        f"""  echo "  {name}: $(printf '%s' "$lines"{count})\""""
        for name, count in [("all", " | grep -c ''"), *counts]
    ]
    counted = "\n".join(lines)
    return f"""\
for pod in $(pods_of {target}); do
  lines=$({_read(spec.container, since)} |
    grep -P -e {word(spec.pattern)})
  echo "$pod"
{counted}
done"""


def _shares(classes: Sequence[LogClass]) -> str:
    shares = [f"{code(one.name)} {one.min_share}" for one in classes if one.min_share is not None]
    return f"A kind counts from this share of all on: {', '.join(shares)}." if shares else ""


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
