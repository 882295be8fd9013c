"""An SOP at all its bounds."""

from typing import Any


def largest() -> dict[str, Any]:
    """Return an SOP that fills every list that the reference rules walk over.

    Each reference names the last item of its list, where a search ends last.
    """
    checks: list[dict[str, Any]] = []
    logs = {"target": "target-11", "pattern": "x", "within": "1m", "max": 0}
    classes = [{"name": f"Class{n}", "pattern": "x" * 512, "minShare": "0.125"} for n in range(8)]
    labels = {f"{'l' * 60}{number}": "v" * 63 for number in range(8)}
    selector = {"selector": {"matchLabels": labels}, "onNone": "Failed"}
    workers = [f"{number:02d}".ljust(63, "w") for number in range(32)]
    line = "{worker}{holder}".ljust(512, "x")
    leading = {
        "target": "target-11",
        "container": "c" * 63,
        **dict.fromkeys(("acquired", "lost", "stopped"), line),
        "heartbeat": {"pattern": line, "within": "75s"},
        "printed": [{"worker": worker, "text": worker} for worker in workers],
    }
    value = {"argument": f"--{'a' * 126}", "minLength": 9, "matches": "x" * 512}
    for number in range(0, 64, 8):
        database = {"connection": "connection-11", "table": "t"}
        names = [f"some-check-{number + offset}" for offset in range(8)]
        types: list[dict[str, Any]] = [
            {"workload": {"target": "target-11", "replicas": 1}},
            {
                "resource": {
                    "apiVersion": f"{'g' * 200}/v1",
                    "kind": "K" * 63,
                    "condition": {"type": "T" * 128},
                    **selector,
                }
            },
            {"events": {"target": "target-11", "reasons": ["R" * 128] * 12, "within": "1h"}},
            {"logs": logs | {"classes": classes}},
            {"leader": {"workers": workers, "lease": database, "logs": leading}},
            {
                "sql": {
                    "connection": "connection-11",
                    "query": "SELECT 1".ljust(2048),
                    "value": {"min": "-1.5", "max": "123456789012345.123456", "onEmpty": "Passed"},
                }
            },
            {
                "stuckRows": {
                    **database,
                    "limits": [{"statuses": ["s"] * 12, "olderThan": "3m", "min": 1, "max": 2}] * 8,
                    "show": ["c"] * 3,
                }
            },
            {"config": {"target": "target-11", "values": [value] * 16}},
        ]
        checks += [{"name": name} | kind for name, kind in zip(names, types, strict=True)]
    checks = checks[:64]
    # Every level but the last rests on twelve checks of the one below.
    for number, check in enumerate(checks[:-12]):
        below = 64 - 8 * (7 - number // 8)
        check["dependsOn"] = [f"some-check-{below + one % 8}" for one in range(12)]
    last = [f"some-check-{number}" for number in range(52, 64)]
    kinds = ("CrashLoop", "Missing", "Found", "Class7", "Many", "Empty", "Stuck", "Differs")
    findings = [kinds[number % 8] for number in range(52, 64)]
    refs = [f"{name}/{finding}" for name, finding in zip(last, findings, strict=True)]
    teams = [f"team-{number}" for number in range(20, 24)]
    actions: list[dict[str, Any]] = [
        {"restart": {"target": "target-11"}},
        {"deletePod": {"target": "target-11", "podFrom": "some-check-59"}},
    ]
    rows: list[dict[str, Any]] = [
        {
            "name": f"row-{number}",
            "when": {"anyFailed": refs, "allFailed": refs, "allPassed": refs},
            "remediate": actions[number % 2] | {"verify": {"checks": last}},
            "orElse": {"to": teams, "text": "text-7"},
        }
        for number in range(11)
    ]
    escalate = {"to": teams, "text": "text-7"}
    rows.append({"name": "otherwise", "otherwise": True, "escalate": escalate})
    steps = [{"check": last[-1]}, {"manual": "look", "link": "link-31"}] * 16
    return {
        "apiVersion": "servicesop.io/v1alpha1",
        "kind": "ServiceSOP",
        "metadata": {"name": "largest"},
        "spec": {
            "title": "largest",
            "targets": [
                {"name": f"target-{number}", "ref": {"kind": "Deployment", "name": "d"}}
                for number in range(12)
            ],
            "connections": [
                {"name": f"connection-{number}", "postgres": {"secretRef": {"name": "s"}}}
                for number in range(12)
            ],
            "teams": [{"name": f"team-{number}", "title": "t"} for number in range(24)],
            "links": [
                {"name": f"link-{number}", "title": "l", "url": "https://l"} for number in range(32)
            ],
            "texts": [
                {"name": f"text-{number}", "title": "t", "text": "$" * 4087 + "${region}"}
                for number in range(8)
            ],
            "checks": checks,
            "procedures": [
                {"name": f"Procedure{number}", "checks": last, "steps": steps, "handle": rows}
                for number in range(24)
            ],
        },
    }
