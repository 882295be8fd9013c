"""An SOP without one of its checks, and without what cannot be without it. Pure."""

from copy import deepcopy
from typing import Any

from mutation.fields import Values


def without_check(values: Values, name: str) -> Values:
    """Take out a check and every mention of it.

    A row that only it could make true goes with it, and one that acts on the pod that it names; so
    does a procedure that no other check tells of, with those that use its table.
    """
    changed = deepcopy(values)
    changed["checks"] = [one for one in changed["checks"] if one["name"] != name]
    for check in changed["checks"]:
        _take_out(check, "dependsOn", name)
    for procedure in changed["procedures"]:
        _take_out(procedure, "checks", name)
        if "steps" in procedure:
            procedure["steps"] = [one for one in procedure["steps"] if one.get("check") != name]
        if "handle" in procedure:
            procedure["handle"] = [row for row in procedure["handle"] if _is_left(row, name)]
    changed["procedures"] = _procedures_left(changed["procedures"])
    return changed


def _take_out(holder: dict[str, Any], key: str, name: str) -> None:
    """Take the check, and its findings, out of a list; a list with nothing else in it goes too."""
    if key in holder:
        holder[key] = [one for one in holder[key] if one.partition("/")[0] != name]
        if not holder[key]:
            del holder[key]


def _is_left(row: dict[str, Any], name: str) -> bool:
    """Take the check out of a row; say whether the row can do without it."""
    when = row.get("when")
    if when is not None:
        for key in list(when):
            _take_out(when, key, name)
    act = row.get("remediate", {})
    if "verify" in act:
        _take_out(act["verify"], "checks", name)
        if "checks" not in act["verify"]:
            del act["verify"]
    return when != {} and act.get("deletePod", {}).get("podFrom") != name


def _procedures_left(procedures: list[Values]) -> list[Values]:
    known = [one for one in procedures if "checks" in one or "sameAs" in one]
    tables = {one["name"] for one in known if "handle" in one}
    return [one for one in known if one.get("stepsFrom", one.get("sameAs")) in (None, *tables)]
