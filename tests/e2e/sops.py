"""SOPs as the tests need them: one target, small times."""

from typing import Any

Json = dict[str, Any]

REST: Json = {"name": "rest", "otherwise": True, "escalate": {"to": ["owners"]}}


def sop(*, checks: list[Json], rows: tuple[Json, ...] = (), **changes: object) -> Json:
    """Give a spec with one procedure, Down, that all checks tell about."""
    return {
        "title": "Service",
        "every": "1s",
        "targets": [target("api")],
        "teams": [{"name": "owners", "title": "Owners"}, {"name": "others", "title": "Others"}],
        "checks": checks,
        "procedures": [
            {
                "name": "Down",
                "checks": [check["name"] for check in checks],
                "handle": [*rows, REST],
            }
        ],
        **changes,
    }


def target(workload: str, kind: str = "Deployment") -> Json:
    return {"name": workload, "ref": {"kind": kind, "name": workload}}


def restart(check: str, **changes: object) -> Json:
    """Give a row that restarts when the check has failed."""
    return {
        "name": "broken",
        "when": {"anyFailed": [check]},
        "remediate": {
            "restart": {},
            "settle": "1s",
            "verify": {"checks": [check.partition("/")[0]], "within": "3s"},
            "cooldown": "1s",
            **changes,
        },
    }


def ready(name: str = "ready", **workload: object) -> Json:
    """Give a check that fails while a pod is not ready; new pods are, so a restart helps."""
    return {"name": name, "for": "1s", "recoverFor": "1s", "workload": workload}


def enough(replicas: int) -> Json:
    """Give a check that fails while too few pods are configured: no restart helps against that."""
    return {"name": "enough", "for": "1s", "recoverFor": "1s", "workload": {"replicas": replicas}}


def leader(name: str = "led", **changes: object) -> Json:
    """Give a check on the table `leases` of the connection `database`."""
    lease = {"connection": "database", "table": "leases"}
    return {
        "name": name,
        "recoverFor": "1s",
        "leader": {"workers": ["w"], "lease": lease, "forNone": "1s"} | changes,
    }


def rows(name: str = "moves-on", **changes: object) -> Json:
    """Give a check on the table `jobs` of the connection `database`."""
    stuck: Json = {
        "connection": "database",
        "table": "jobs",
        "statuses": ["accepted"],
        "olderThan": "1s",
    }
    return {"name": name, "for": "1s", "recoverFor": "1s", "stuckRows": stuck | changes}


def logs(name: str = "quiet", **changes: object) -> Json:
    """Give a check that fails when a pod logs `panic`."""
    return {
        "name": name,
        "for": "1s",
        "recoverFor": "1s",
        "logs": {"container": "service", "pattern": "panic", "within": "30s", "max": 0} | changes,
    }


def database(login: str = "db", tls: str = "Disable") -> Json:
    """Give the connection `database`, whose login is in the Secret of that name."""
    return {"name": "database", "postgres": {"secretRef": {"name": login}, "tls": tls}}


def check(status: Json, name: str) -> Json:
    """Give one check of a status; empty where there is none."""
    found: list[Json] = [one for one in status.get("checks", []) if one["name"] == name]
    return found[0] if found else {}


def doing(status: Json) -> str:
    """Give what the operator says that it does about the procedure."""
    for procedure in status.get("procedures", []):
        if procedure["name"] == "Down":
            text: str = procedure.get("doing", "")
            return text
    return ""
