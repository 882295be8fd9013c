"""What is changed in an SOP, and how each change is named."""

from typing import Any

import yaml

from mutation.fields import kinds
from mutation.limits import LIMITS, NO_LIMITS
from mutation.mutants import mutants_of
from servicesop.api.sop import Spec
from servicesop.api.validation import valid_spec

SOP = """
title: Orders
every: 30s
unsureFor: 1m
targets: [{name: api, ref: {kind: Deployment, name: orders}}]
teams: [{name: ops, title: Operations}]
checks:
- name: answers
  timeout: 10s
  http: {service: {name: orders, port: 80}, codes: [200], maxSeconds: "1.5"}
- {name: ready, timeout: 10s, workload: {minReady: 3}}
- name: log-is-clean
  dependsOn: [ready]
  logs: {pattern: '^failed: [0-9]+', within: 75s, max: 0}
procedures:
- name: Down
  checks: [answers, ready]
  steps: [{check: answers}, {check: log-is-clean}, {manual: Look.}]
  handle:
  - {name: crashes, when: {anyFailed: [ready/CrashLoop]}, escalate: {to: [ops]}}
  - name: errors
    when: {anyFailed: [log-is-clean/TooMany, ready]}
    remediate: {restart: {}, settle: 1m, verify: {checks: [answers]}, attempts: {max: 1}}
  - name: gone
    when: {allFailed: [ready], allPassed: [answers]}
    escalate: {to: [ops]}
  - {name: otherwise, otherwise: true, escalate: {to: [ops]}}
- {name: Noisy, checks: [log-is-clean], stepsFrom: Down}
"""
MUTANTS = {one.name: one for one in mutants_of(Spec.model_validate(yaml.safe_load(SOP)))}


def spec_of(name: str) -> Spec:
    return valid_spec(MUTANTS[name].values)


def rows_of(name: str) -> list[str]:
    return [row.name for row in spec_of(name).procedures[0].handle or ()]


def check_of(name: str, check: str) -> dict[str, Any]:
    values: dict[str, Any] = MUTANTS[name].values
    return next(one for one in values["checks"] if one["name"] == check)


def test_these_are_all_mutants() -> None:
    row = "procedures[Down].handle[errors].remediate"

    assert list(MUTANTS) == [
        "drop row Down/crashes",
        "drop row Down/errors",
        "drop row Down/gone",
        "swap rows Down/crashes and Down/errors",
        "swap rows Down/errors and Down/gone",
        "drop check answers",
        "drop check ready",
        "drop check log-is-clean",
        "halve unsureFor",
        "double unsureFor",
        "halve checks[answers].timeout",
        "double checks[answers].timeout",
        "halve checks[answers].http.maxSeconds",
        "double checks[answers].http.maxSeconds",
        "halve checks[ready].workload.minReady",
        "double checks[ready].workload.minReady",
        "widen checks[log-is-clean].logs.pattern: without ^",
        "widen checks[log-is-clean].logs.pattern: any text for 'failed: '",
        "widen checks[log-is-clean].logs.pattern: any character for [0-9]",
        "halve checks[log-is-clean].logs.within",
        "double checks[log-is-clean].logs.within",
        "raise checks[log-is-clean].logs.max",
        f"halve {row}.settle",
        f"double {row}.settle",
        f"halve {row}.attempts.max",
        f"double {row}.attempts.max",
    ]


def test_a_dropped_row_is_gone_and_the_others_stay_in_order() -> None:
    assert rows_of("drop row Down/errors") == ["crashes", "gone", "otherwise"]


def test_a_row_changes_place_with_its_neighbour() -> None:
    swapped = rows_of("swap rows Down/crashes and Down/errors")

    assert swapped == ["errors", "crashes", "gone", "otherwise"]


def test_a_row_is_told_by_the_name_of_each_procedure_that_has_the_table() -> None:
    assert MUTANTS["drop row Down/gone"].about == {"Down/gone", "Noisy/gone"}


def test_a_check_goes_with_every_mention_of_it() -> None:
    values = MUTANTS["drop check answers"].values

    (down, _) = spec_of("drop check answers").procedures
    assert "answers" not in str(values)
    assert [step.check for step in down.steps] == ["log-is-clean", None]
    assert rows_of("drop check answers") == ["crashes", "errors", "gone", "otherwise"]
    (_, errors, gone, _) = down.handle or ()
    assert errors.remediate is not None
    assert errors.remediate.verify is None
    assert gone.when is not None
    assert gone.when.all_passed is None
    assert "verify" in str(MUTANTS["drop row Down/gone"].values), "the others are left alone"


def test_what_only_a_check_can_make_true_goes_with_it() -> None:
    assert rows_of("drop check ready") == ["errors", "gone", "otherwise"]
    assert spec_of("drop check ready").checks[1].depends_on == ()
    assert [one.name for one in spec_of("drop check log-is-clean").procedures] == ["Down"]


def test_a_limit_is_half_or_twice_what_it_was() -> None:
    name = "checks[answers].http.maxSeconds"
    assert check_of(f"halve {name}", "answers")["http"]["maxSeconds"] == "0.75"
    assert check_of(f"double {name}", "answers")["http"]["maxSeconds"] == "3"

    name = "checks[ready].workload.minReady"
    assert check_of(f"halve {name}", "ready")["workload"]["minReady"] == 1
    assert check_of(f"double {name}", "ready")["workload"]["minReady"] == 6

    name = "checks[log-is-clean].logs.within"
    assert check_of(f"halve {name}", "log-is-clean")["logs"]["within"] == "37s"
    assert check_of(f"double {name}", "log-is-clean")["logs"]["within"] == "2m30s"


def test_nothing_is_raised_to_one() -> None:
    name = "raise checks[log-is-clean].logs.max"

    assert check_of(name, "log-is-clean")["logs"]["max"] == 1


def test_one_thing_at_a_time_is_changed() -> None:
    (before, after) = (MUTANTS[f"{verb} unsureFor"].values for verb in ("halve", "double"))

    assert before.pop("unsureFor") == "30s"
    assert after.pop("unsureFor") == "2m"
    assert before == after


def is_quantity(schema: Any) -> bool:
    messages = " ".join(rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    return (
        schema.get("type") in ("integer", "number")
        or "must be a duration" in messages
        or "must be a quoted decimal" in messages
    )


def test_of_each_number_and_span_of_time_it_is_said_whether_it_is_a_limit() -> None:
    assert kinds(is_quantity) == LIMITS.keys() | NO_LIMITS
    assert not LIMITS.keys() & NO_LIMITS
