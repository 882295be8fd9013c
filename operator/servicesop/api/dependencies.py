"""What depends on what: the order in which checks are settled, and what may not be written.

A chain of dependencies is bounded, for one reason: in the rules of the API server nothing can be
repeated until it is done, only so many times. A circle is a chain without end, so the bound lets
the server refuse every circle at apply.
"""

from collections.abc import Mapping, Sequence

from servicesop.api.base import Rule
from servicesop.api.checks.check import Check

MAX_CHAIN = 8
"""Most checks in a row of which each depends on the next."""

_MESSAGE = (
    "checks[].dependsOn must not lead back to the check itself,"
    f" and a chain of them may hold at most {MAX_CHAIN} checks"
)


def _chain_rule() -> Rule:
    # Each list holds the checks above those of the list before: first all that depend on any, then
    # all that depend on one of these, and so on. Who is above the last one is in a circle or too
    # far up. A check that names itself, or one that does not exist, has a rule of its own.
    lists = ["self.checks.filter(k, has(k.dependsOn)).map(k, k.name)"]
    for number in range(MAX_CHAIN - 2):
        lists.append(f"self.checks.filter(k, {_is_above('k', number)}).map(k, k.name)")
    too_far = _is_above("c", MAX_CHAIN - 2)
    holds = f"!self.checks.exists(c, {too_far})"
    wrong = f"self.checks.filter(c, {too_far})[0].name"
    for number, names in reversed(list(enumerate(lists))):
        holds = f"[{names}].all(l{number}, {holds})"
        wrong = f"[{names}].map(l{number}, {wrong})[0]"
    return Rule(
        holds,
        _MESSAGE,
        message_expression=f'"{_MESSAGE}; wrong in %s".format([{wrong}])',
        field=".checks",
    )


def _is_above(check: str, number: int) -> str:
    below = f"d in l{number} && d != {check}.name"
    return f"has({check}.dependsOn) && {check}.dependsOn.exists(d, {below})"


CHAIN_RULE = _chain_rule()
"""On the spec: no circle, and no chain that is too long."""


def chain_error(checks: Sequence[Check]) -> str | None:
    """Say what is wrong with the dependencies, naming the circle or the chain; None when nothing.

    Names of checks that do not exist are not its affair.
    """
    by_name = {check.name: check for check in checks}
    lengths: dict[str, int] = {}
    for check in checks:
        chain = _walk(check.name, by_name, lengths, ())
        if chain is not None:
            return f"{_MESSAGE}: {' -> '.join(chain)}"
    return None


def _walk(
    name: str, by_name: Mapping[str, Check], lengths: dict[str, int], above: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Give a circle or a chain that is too long below a check; note lengths of good ones."""
    here = (*above, name)
    if name in above:
        return here[above.index(name) :]
    if name in lengths:
        return None
    longest = 0
    for below in by_name[name].depends_on:
        if below in by_name:
            wrong = _walk(below, by_name, lengths, here)
            if wrong is not None:
                return wrong
            longest = max(longest, lengths[below])
    lengths[name] = longest + 1
    return _chain(name, by_name, lengths) if lengths[name] > MAX_CHAIN else None


def _chain(name: str, by_name: Mapping[str, Check], lengths: Mapping[str, int]) -> tuple[str, ...]:
    """Give the longest chain that begins with a check."""
    chain = [name]
    while lengths[chain[-1]] > 1:
        below = (one for one in by_name[chain[-1]].depends_on if one in by_name)
        chain.append(max(below, key=lambda one: lengths[one]))
    return tuple(chain)


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Give the checks, each after all that it depends on. Raise LookupError for an unknown name."""
    by_name = {check.name: check for check in checks}
    ordered: dict[str, Check] = {}

    def add(check: Check) -> None:
        for name in check.depends_on:
            if name not in ordered:
                add(by_name[name])
        ordered[check.name] = check

    for check in checks:
        add(check)
    return tuple(ordered.values())
