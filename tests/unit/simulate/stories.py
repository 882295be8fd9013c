"""SOP tests that are tested themselves: an SOP with a check of each type, and how to run a case."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import yaml

from servicesop.api.sop import Spec
from servicesop.simulate.cases import Case, Suite
from servicesop.simulate.names import unknown_names
from servicesop.simulate.story import Subject, Told, tell

START = datetime(2024, 5, 1, 12, tzinfo=UTC)

SOP = """
title: Fleet manager
mode: Enforce
every: 30s
targets:
- {name: api, ref: {kind: Deployment, name: fleet-manager}}
connections:
- {name: database, postgres: {secretRef: {name: readonly}}}
- {name: metrics, prometheus: {endpoint: cluster}}
teams:
- {name: ops, title: Operations}
- {name: ocm-support, title: OCM support}
checks:
- {name: led, leader: {workers: [cluster], lease: {connection: database, table: leases}}}
- name: accepted-moves-on
  stuckRows:
    connection: database
    table: clusters
    statuses: [accepted]
    olderThan: 3m
    max: 5
    show: [region]
- {name: ocm-accepts, logs: {container: service, pattern: failed to create, within: 10m, max: 0}}
- {name: ready, workload: {replicas: 3, minReady: 2}}
- {name: few, sql: {connection: database, query: select 1, value: {max: "5", onEmpty: Passed}}}
- name: rate
  prometheus: {connection: metrics, query: {expr: x, max: "0.1", onEmpty: Inconclusive}}
- {name: quiet, prometheus: {connection: metrics, alert: {name: Down, onEmpty: Inconclusive}}}
- {name: answers, http: {url: "https://fleet.example.com/health", maxSeconds: "1"}}
- {name: no-back-off, events: {reasons: [BackOff], within: 10m, max: 0}}
- {name: flagged, config: {container: service, values: [{argument: --url, equals: a}]}}
- name: keyed
  config: {object: {kind: Secret, name: rds}, values: [{key: db.host, nonEmpty: true}]}
- name: admitted
  networkPolicy:
    to: {target: api}
    mustReach: [{from: {namespaceName: monitoring}, ports: [{port: 8080}]}]
- name: migrated
  resource: {apiVersion: batch/v1, kind: Job, name: migrate, condition: {type: Complete}}
procedures:
- name: Provisioning
  checks: [led, accepted-moves-on]
  handle:
  - name: no-leader
    when: {anyFailed: [led/None]}
    remediate: {restart: {}, settle: 30s, attempts: {max: 2, per: 6h}, cooldown: 5m}
  - name: ocm-refuses
    when: {anyFailed: [ocm-accepts]}
    escalate: {to: [ocm-support], because: OCM refuses}
  - {name: otherwise, otherwise: true, escalate: {to: [ops]}}
- name: Provisioned
  sameAs: Provisioning
"""


def sop(**changes: Any) -> Spec:
    """The SOP, with other top-level fields."""
    return Spec.model_validate(yaml.safe_load(SOP) | changes)


def case_of(text: str) -> Case:
    """A case from its `given` and `expect`."""
    return Case.model_validate({"name": "it", **yaml.safe_load(text)})


def told(text: str, spec: Spec | None = None, *, to_the_end: bool = True) -> Told:
    """What comes of a case."""
    spec = spec or sop()
    assert misnamed(text, spec) == []
    defects: list[Exception] = []
    subject = Subject("fleet", "stage", spec)
    story = tell(subject, case_of(text), START, defects.append, to_the_end=to_the_end)
    result = asyncio.run(story)
    assert not defects, defects
    return result


def misnamed(text: str, spec: Spec | None = None) -> list[str]:
    """What a case names that the SOP does not have, or gives that nobody sees."""
    suite = Suite(sop="sop.yaml", start=START, tests=(case_of(text),))
    return list(unknown_names(suite, spec or sop()))


def faults(text: str, spec: Spec | None = None) -> tuple[str, ...]:
    """What is not as the case expects."""
    return told(text, spec).faults
