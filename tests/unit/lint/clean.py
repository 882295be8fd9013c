"""An SOP in which no rule finds anything, and ways to change it."""

from typing import Any

import yaml

from servicesop.api.validation import valid_spec
from servicesop.lint.chain import lint
from servicesop.lint.rules import Finding, Subject

CLEAN = """
title: The fleet
summary: Gives users their clusters.
every: 30s
targets:
- {name: api, ref: {kind: Deployment, name: fleet}}
connections:
- {name: database, postgres: {secretRef: {name: readonly}}}
teams:
- {name: sre, title: SRE}
- {name: support, title: Support}
links:
- {name: sentry, title: Sentry, url: "https://sentry.example.com"}
checks:
- name: upstream-accepts
  logs: {pattern: refused, within: 10m, max: 0}
- name: rows-move-on
  stuckRows: {connection: database, table: rows, statuses: [new], olderThan: 3m}
- name: service-is-configured
  config: {values: [{argument: --token-url, url: "https://sso.example.com"}]}
procedures:
- name: Latency
  title: Latency
  impact: Users wait.
  summary: Clusters are not created.
  checks: [rows-move-on]
  steps:
  - {manual: Look for errors, link: sentry}
  - {check: rows-move-on}
  - {check: service-is-configured, informational: true}
  handle:
  - name: upstream-refuses
    when: {anyFailed: [upstream-accepts/TooMany]}
    escalate: {to: [support], because: a restart cannot help}
  - name: stuck
    when: {anyFailed: [rows-move-on]}
    remediate: {restart: {}}
  - name: otherwise
    otherwise: true
    escalate: {to: [sre]}
- name: Correctness
  title: Correctness
  sameAs: Latency
"""


def clean() -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(CLEAN)
    return spec


def findings(spec: dict[str, Any], base: dict[str, Any] | None = None) -> list[Finding]:
    """What all rules find in an SOP that the API server would take."""
    made_from = None if base is None else valid_spec(base)
    return list(lint(Subject("fleet", valid_spec(spec), made_from)))
