"""A complete SOP: every part of the language once."""

from typing import Any

import yaml

COMPLETE = """
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: fleet}
spec:
  title: Kafka Service Fleet Manager
  region: us-south
  targets:
  - {name: api, ref: {kind: Deployment, name: kas-fleet-manager}}
  - {name: refresher, ref: {kind: Deployment, name: token-refresher}}
  connections:
  - name: database
    postgres: {secretRef: {name: kas-fleet-manager-rds-readonly}, keys: {host: db.host}}
  - name: metrics
    prometheus: {endpoint: cluster-monitoring}
  - name: alerts
    alertmanager: {endpoint: cluster-alerts}
  teams:
  - {name: control-plane, title: Control Plane}
  - {name: ocm-support, title: OCM support}
  links:
  - {name: sentry, title: Sentry, url: "https://sentry.example.com"}
  texts:
  - name: notice
    title: Notice for customers
    text: |
      In ${region} clusters may be delayed since ${opened} (${checks}).
  checks:
  - name: replicas-ready
    workload: {replicas: 3, minReady: 3}
  - name: cluster-leader
    leader: {workers: [cluster], lease: {connection: database, table: leader_leases}}
  - name: accepted-moves-on
    stuckRows:
      connection: database
      table: public.clusters
      statuses: [cluster_accepted]
      olderThan: 3m
  - name: ocm-accepts
    logs: {target: api, pattern: failed to create cluster, within: 10m, max: 0}
  - name: a-cluster-is-ready
    sql:
      connection: database
      query: SELECT count(*) FROM clusters WHERE status = 'ready' AND deleted_at IS NULL
      value: {min: "1", onEmpty: Failed}
  - name: clusters-move-on
    stuckRows:
      connection: database
      table: clusters
      limits:
      - {statuses: [cluster_provisioning, cluster_provisioned], olderThan: 45m}
      - {statuses: [failed], max: 0}
  - name: few-errors
    prometheus:
      connection: metrics
      query: {expr: "sum by (pod) (errors)", max: "0.1", onEmpty: Inconclusive, show: [pod]}
  - name: telemeter-up
    prometheus:
      connection: metrics
      alert:
        name: TelemeterDown
        labels: [{name: severity, value: critical}]
        alertmanager: alerts
        onEmpty: Inconclusive
  - name: refresher-answers
    http:
      service: {name: token-refresher, port: 80, path: /api/metrics/v1/managedkafka/api/v1/labels}
      maxSeconds: "2"
  procedures:
  - name: ClusterProvisioningLatency
    checks: [cluster-leader, accepted-moves-on]
    steps:
    - {manual: Look for the cause of the error, link: sentry}
    - {check: cluster-leader}
    handle:
    - name: no-leader
      when: {anyFailed: [cluster-leader/None]}
      remediate: {restart: {target: api}, verify: {checks: [cluster-leader]}}
      orElse: {to: [control-plane]}
    - name: rolls-out
      when: {allFailed: [replicas-ready/NotReady], allPassed: [cluster-leader/Many]}
      hold: {because: a rollout is running, atMost: 10m}
    - name: ocm-refuses
      when: {anyFailed: [ocm-accepts]}
      escalate: {to: [ocm-support]}
    - name: otherwise
      otherwise: true
      escalate: {to: [control-plane]}
  - name: ClusterProvisioningErrors
    checks: [ocm-accepts]
    stepsFrom: ClusterProvisioningLatency
  - name: ClusterProvisioningCorrectness
    sameAs: ClusterProvisioningLatency
  - name: OnePodFails
    checks: [ocm-accepts]
    handle:
    - name: one-pod
      when: {anyFailed: [ocm-accepts/SinglePod]}
      remediate: {deletePod: {target: api, podFrom: ocm-accepts}}
      orElse: {to: [ocm-support], text: notice}
    - name: otherwise
      otherwise: true
      escalate: {to: [control-plane], text: notice}
"""


def complete() -> dict[str, Any]:
    sop: dict[str, Any] = yaml.safe_load(COMPLETE)
    return sop
