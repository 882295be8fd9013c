"""An SOP of our own, and its page."""

from typing import Any

import yaml

from servicesop.api.validation import valid_spec
from servicesop.render.page import Sop, runbook

SPEC = """
title: Orders
targets:
- {name: api, ref: {kind: Deployment, name: orders}}
- {name: store, ref: {kind: StatefulSet, name: orders-store}}
connections:
- name: orders-db
  postgres:
    secretRef: {name: orders-rds}
    keys: {host: db.host, password: db.password, ca: db.ca}
- {name: metrics, prometheus: {endpoint: monitoring}}
- {name: alerts, alertmanager: {endpoint: alerting}}
teams:
- {name: shop, title: The shop's team, todo: the number is missing}
- {name: bank, title: Payments}
links:
- {name: board, title: The board, url: "https://board.example.com/orders?a=1&b=2"}
checks:
- name: replicas-ready
  title: three pods are ready
  workload: {replicas: 3, restarts: {max: 2}}
procedures:
- name: OrdersDown
  title: Orders are down
  impact: Nobody can order.
  accessRequired: [The console of the cluster]
  relevantSecrets: [orders-rds]
  checks: [replicas-ready]
  steps:
  - {manual: Look at the board., link: board}
  - {check: replicas-ready}
  handle:
  - name: too-few
    when: {anyFailed: [replicas-ready/NotReady]}
    remediate: {restart: {}, settle: 90s, verify: {checks: [replicas-ready], within: 3m}}
    orElse: {to: [shop], because: a restart did not help}
  - name: upgrade
    when: {allFailed: [replicas-ready/Restarting], allPassed: [replicas-ready]}
    hold: {because: a release is on its way, atMost: 30m}
  - name: otherwise
    otherwise: true
    escalate: {to: [shop, bank]}
"""


def spec(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(SPEC)
    return body | changes


def with_check(text: str) -> dict[str, Any]:
    """The SOP, with one check beside its own that a step names."""
    body = spec()
    check = yaml.safe_load(text)
    body["checks"].append(check)
    body["procedures"][0]["steps"].append({"check": check["name"]})
    return body


def page(body: dict[str, Any], namespace: str | None = None) -> str:
    return runbook(Sop("orders", namespace, valid_spec(body)))


def section(text: str, heading: str) -> str:
    """The text under a heading, up to the next heading of whatever level."""
    _, _, rest = text.partition(f"# {heading}\n")
    assert rest, heading
    lines = []
    fenced = False
    for line in rest.splitlines():
        fenced ^= line.strip().startswith("```")
        if line.startswith(("#", "---")) and not fenced:
            break
        lines.append(line)
    return "\n".join(lines).strip()


def shell_of(text: str, heading: str) -> list[str]:
    """The blocks of code of a section, without their indentation."""
    blocks: list[str] = []
    inside: list[str] | None = None
    for line in section(text, heading).splitlines():
        if line.strip().startswith("```"):
            if inside is None:
                inside, indent = [], len(line) - len(line.lstrip())
            else:
                blocks.append("\n".join(inside))
                inside = None
        elif inside is not None:
            inside.append(line[indent:])
    return blocks
