"""Changes to the clean SOP, each with the rule that finds it and what it says."""

from collections.abc import Callable
from typing import Any

Change = Callable[[dict[str, Any]], object]


def check(spec: dict[str, Any], number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = spec["checks"][number]
    return found


def procedure(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["procedures"][0]
    return found


def row(spec: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = procedure(spec)["handle"][number]
    return found


def logs(**fields: Any) -> Change:
    return lambda spec: check(spec)["logs"].update(fields)


def action(**fields: Any) -> Change:
    return lambda spec: row(spec, 1)["remediate"].update(fields)


def renamed(name: str) -> Change:
    def change(spec: dict[str, Any]) -> None:
        check(spec)["name"] = name
        row(spec, 0)["when"] = {"anyFailed": [name]}

    return change


def asked(**value: Any) -> Change:
    return lambda spec: check(spec, 2)["config"].update(values=[value])


def both(*changes: Change) -> Change:
    def change(spec: dict[str, Any]) -> None:
        for one in changes:
            one(spec)

    return change


ROW = "spec.procedures[0].handle"
UNUSED = {"name": "other", "title": "Other"}
WARNINGS = {"name": "pods-start", "events": {"type": "Warning", "within": "10m"}}
FAILS: list[tuple[str, Change, str, str]] = [
    (
        "SOP002",
        lambda spec: row(spec, 0).update(when={"anyFailed": ["rows-move-on"]}),
        f"{ROW}[1]",
        "row stuck of Latency can never win: whenever it is true, row upstream-refuses above it is",
    ),
    (
        "SOP003",
        lambda spec: spec["checks"].append(WARNINGS),
        "spec.checks[3].name",
        "the check pods-start is run, and no procedure, row, step or other check names it",
    ),
    ("SOP004", renamed("upstream-refuses"), "spec.checks[0].name", "what is wrong (refuses)"),
    ("SOP004", renamed("no-leader"), "spec.checks[0].name", "(no)"),
    ("SOP004", renamed("token-not-there"), "spec.checks[0].name", "(not)"),
    (
        "SOP006",
        lambda spec: procedure(spec)["steps"].pop(1),
        "spec.procedures[0].checks[0]",
        "Latency happens by rows-move-on, and none of its steps is that check",
    ),
    (
        "SOP007",
        action(cooldown="7m59s"),
        f"{ROW}[1].remediate.cooldown",
        "row stuck may act again after 7m59s, but whether it helped is known only after settle and"
        " verify, 8m",
    ),
    (
        "SOP008",
        both(
            logs(min=0, max=None),
            lambda spec: row(spec, 0)["when"].update(
                anyFailed=["rows-move-on/Stuck", "upstream-accepts"]
            ),
        ),
        "spec.checks[0].logs",
        "the check upstream-accepts cannot fail: its limits allow everything",
    ),
    (
        "SOP008",
        both(logs(min=0, max=None), action(verify={"checks": ["upstream-accepts"]})),
        "spec.checks[0].logs",
        "cannot fail: its limits allow everything; it proves nothing of the action of row stuck",
    ),
    ("SOP009", lambda spec: spec.update(notify="None"), "spec.notify", "notify: None tells nobody"),
    (
        "SOP010",
        lambda spec: spec["teams"].append(UNUSED),
        "spec.teams[2].name",
        "the team other is not used: no escalation names it",
    ),
    (
        "SOP010",
        lambda spec: procedure(spec)["steps"][0].pop("link"),
        "spec.links[0].name",
        "the link sentry is not used: no step names it",
    ),
    (
        "SOP010",
        lambda spec: spec.update(texts=[{"name": "notice", "title": "Notice", "text": "Sorry."}]),
        "spec.texts[0].name",
        "the text notice is not used: no escalation names it",
    ),
    (
        "SOP010",
        lambda spec: spec["connections"].append({"name": "m", "prometheus": {"endpoint": "m"}}),
        "spec.connections[1].name",
        "the connection m is not used: no check asks it",
    ),
    (
        "SOP011",
        logs(within="29s"),
        "spec.checks[0].logs.within",
        "the check upstream-accepts looks back 29s and runs every 30s",
    ),
    (
        "SOP011",
        lambda spec: check(spec).update(every="11m"),
        "spec.checks[0].logs.within",
        "looks back 10m and runs every 11m",
    ),
    ("SOP012", logs(pattern="a(?=b)"), "spec.checks[0].logs.pattern", "no valid RE2 pattern"),
    ("SOP012", logs(pattern="(.{999}){9}"), "spec.checks[0].logs.pattern", "compiles to more"),
    ("SOP013", logs(pattern="refused$ by"), "spec.checks[0].logs.pattern", "matches no text"),
    (
        "SOP014",
        asked(env="DB_PASSWORD", equals="x"),
        "spec.checks[2].config.values[0]",
        "compares DB_PASSWORD, which looks like a secret",
    ),
    ("SOP015", lambda spec: spec.pop("summary"), "spec", "there is no summary of the service"),
    (
        "SOP015",
        lambda spec: (procedure(spec).pop("title"), procedure(spec).pop("impact")),
        "spec.procedures[0]",
        "the procedure Latency lacks title and impact",
    ),
    (
        "SOP015",
        lambda spec: spec["procedures"][1].pop("title"),
        "spec.procedures[1]",
        "the procedure Correctness lacks title",
    ),
    (
        "SOP015",
        lambda spec: row(spec, 0)["escalate"].pop("because"),
        f"{ROW}[0].escalate",
        "row upstream-refuses of Latency hands over without a because",
    ),
]
PASSES: list[tuple[str, Change]] = [
    (
        "SOP002",
        both(
            lambda spec: procedure(spec)["checks"].append("upstream-accepts"),
            lambda spec: procedure(spec)["steps"].append({"check": "upstream-accepts"}),
        ),
    ),
    (
        "SOP003",
        both(
            lambda spec: spec["checks"].append(WARNINGS),
            lambda spec: check(spec).update(dependsOn=["pods-start"]),
        ),
    ),
    ("SOP004", renamed("rows-not-failed")),
    ("SOP004", renamed("no-restarts")),
    ("SOP004", renamed("few-errors")),
    (
        "SOP006",
        lambda spec: spec["procedures"].append(
            {
                "name": "Other",
                "title": "Other",
                "impact": "The same.",
                "summary": "The same.",
                "checks": ["upstream-accepts"],
                "stepsFrom": "Latency",
            }
        ),
    ),
    (
        "SOP007",
        action(settle="1m", verify={"checks": ["rows-move-on"], "within": "1m"}, cooldown="2m"),
    ),
    ("SOP008", logs(min=1, max=9)),
    ("SOP009", lambda spec: spec.update(notify="Page")),
    (
        "SOP010",
        both(
            lambda spec: spec["teams"].append(UNUSED),
            lambda spec: row(spec, 1).update(orElse={"to": ["other"]}),
        ),
    ),
    ("SOP011", logs(within="30s")),
    ("SOP012", logs(pattern="(?i)refused|[^a-z]{2,3}")),
    ("SOP013", logs(pattern="^refused$")),
    ("SOP014", asked(env="DB_PASSWORD", minLength=16)),
    ("SOP014", asked(argument="--token-url", equals="x")),
    ("SOP015", lambda spec: row(spec, 2)["escalate"].pop("because", None)),
]
