"""The broken cases of checks resource."""

from typing import Any

from sop_cases.broken import ABSENT, Broken, changed


def _resource(**fields: Any) -> dict[str, Any]:
    spec = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "nightly",
        "condition": {"type": "Failed", "status": "False"},
    }
    return {"name": "jobs-run", "resource": changed(spec, fields)}


CASES = {
    "a resource check of nothing": Broken(
        {"checks.4": _resource(name=ABSENT)},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[name selector] must be set"
        ),
    ),
    "a resource check by name and by selector": Broken(
        {"checks.4": _resource(selector={"matchLabels": {"app": "api"}}, onNone="Failed")},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[name selector] must be set"
        ),
    ),
    "a resource check without a demand": Broken(
        {"checks.4": _resource(condition=ABSENT)},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[condition phase] must be set"
        ),
    ),
    "a resource check with two demands": Broken(
        {"checks.4": _resource(phase="Bound")},
        (
            "spec.checks[4].resource: Invalid value: exactly one of the fields in "
            "[condition phase] must be set"
        ),
    ),
    "a selector without onNone": Broken(
        {"checks.4": _resource(name=ABSENT, selector={"matchLabels": {"app": "api"}})},
        (
            "spec.checks[4].resource: Invalid value: onNone must be set with selector, and only "
            "with it (a named object that does not exist is the finding Missing)"
        ),
    ),
    "a named object with onNone": Broken(
        {"checks.4": _resource(onNone="Passed")},
        (
            "spec.checks[4].resource: Invalid value: onNone must be set with selector, and only "
            "with it (a named object that does not exist is the finding Missing)"
        ),
    ),
    "a resource check of a Secret": Broken(
        {"checks.4": _resource(apiVersion="v1", kind="Secret")},
        (
            "spec.checks[4].resource: Invalid value: kind must not be Secret: the check config "
            "asks for the keys of one"
        ),
    ),
    "an apiVersion that is none": Broken(
        {"checks.4": _resource(apiVersion="a/b/c")},
        (
            'spec.checks[4].resource.apiVersion: Invalid value: "a/b/c": must be an apiVersion '
            'such as "v1", "batch/v1" or "cert-manager.io/v1"'
        ),
    ),
    "a kind that is none": Broken(
        {"checks.4": _resource(kind="jobs")},
        (
            'spec.checks[4].resource.kind: Invalid value: "jobs": must be a kind such as "Job": '
            "letters and digits, starting with a capital letter"
        ),
    ),
    "labels that are none": Broken(
        {
            "checks.4": _resource(
                name=ABSENT, selector={"matchLabels": {"app": "api,x=y"}}, onNone="Failed"
            )
        },
        (
            "spec.checks[4].resource.selector.matchLabels: Invalid value: must be "
            "labels: names and values of letters, digits, '-', '_' and '.', starting and ending "
            "with a letter or digit"
        ),
    ),
    "the name of a label that is none": Broken(
        {
            "checks.4": _resource(
                name=ABSENT, selector={"matchLabels": {"app in (x),y": "z"}}, onNone="Failed"
            )
        },
        (
            "spec.checks[4].resource.selector.matchLabels: Invalid value: must be "
            "labels: names and values of letters, digits, '-', '_' and '.', starting and ending "
            "with a letter or digit"
        ),
    ),
    "a condition type that is none": Broken(
        {"checks.4": _resource(condition={"type": "Ready!"})},
        (
            'spec.checks[4].resource.condition.type: Invalid value: "Ready!": must be the type of '
            "a condition such as \"Ready\": letters, digits, '-', '_' and '.'"
        ),
    ),
    "a phase that is none": Broken(
        {"checks.4": _resource(condition=ABSENT, phase="not a word")},
        (
            'spec.checks[4].resource.phase: Invalid value: "not a word": must be a phase such as '
            '"Bound": letters and digits'
        ),
    ),
}
