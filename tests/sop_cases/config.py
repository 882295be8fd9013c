"""The broken cases of checks config."""

from typing import Any

from sop_cases.broken import Broken

_CONFIG_MAP = {"kind": "ConfigMap", "name": "fleet-config"}

_SECRET = {"kind": "Secret", "name": "fleet-secret"}


def _config(*values: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "configured", "config": fields | {"values": list(values)}}


CASES = {
    "a config check without values": Broken(
        {"checks.6": _config(target="refresher")},
        "spec.checks[6].config.values: Invalid value: values must hold at least one value",
    ),
    "a value that is nowhere": Broken(
        {"checks.6": _config({"nonEmpty": True})},
        (
            "spec.checks[6].config.values[0]: Invalid value: exactly one of the fields in "
            "[env argument key] must be set"
        ),
    ),
    "a value in two places": Broken(
        {"checks.6": _config({"env": "URL", "argument": "--url"})},
        (
            "spec.checks[6].config.values[0]: Invalid value: exactly one of the fields in "
            "[env argument key] must be set"
        ),
    ),
    "a value that is compared twice": Broken(
        {"checks.6": _config({"env": "URL", "equals": "x", "url": "https://x"})},
        (
            "spec.checks[6].config.values[0]: Invalid value: at most one of the fields in "
            "[equals url matches] may be set"
        ),
    ),
    "a key without an object": Broken(
        {"checks.6": _config({"env": "URL"}, {"key": "url"})},
        (
            "spec.checks[6].config.values: Invalid value: values must each have a key when object "
            "is set, and env or argument otherwise"
        ),
    ),
    "an argument of an object": Broken(
        {"checks.6": _config({"argument": "--url"}, object=_CONFIG_MAP)},
        (
            "spec.checks[6].config.values: Invalid value: values must each have a key when object "
            "is set, and env or argument otherwise"
        ),
    ),
    "an object with a container": Broken(
        {"checks.6": _config({"key": "url"}, object=_CONFIG_MAP, container="service")},
        ("spec.checks[6].config: Invalid value: target and container must not be set with object"),
    ),
    "an object with a target": Broken(
        {"checks.6": _config({"key": "url"}, object=_CONFIG_MAP, target="api")},
        ("spec.checks[6].config: Invalid value: target and container must not be set with object"),
    ),
    "a Secret that is compared": Broken(
        {"checks.6": _config({"key": "id"}, {"key": "token", "equals": "x"}, object=_SECRET)},
        (
            "spec.checks[6].config.values: Invalid value: values of a Secret must not have one of "
            "[equals url matches]: they may be asked for nonEmpty and minLength only"
        ),
    ),
    "a Secret that is compared as a URL": Broken(
        {"checks.6": _config({"key": "token", "url": "https://x"}, object=_SECRET)},
        (
            "spec.checks[6].config.values: Invalid value: values of a Secret must not have one of "
            "[equals url matches]: they may be asked for nonEmpty and minLength only"
        ),
    ),
    "a Secret that is matched": Broken(
        {"checks.6": _config({"key": "token", "matches": "a.*"}, object=_SECRET)},
        (
            "spec.checks[6].config.values: Invalid value: values of a Secret must not have one of "
            "[equals url matches]: they may be asked for nonEmpty and minLength only"
        ),
    ),
    "a variable that is none": Broken(
        {"checks.6": _config({"env": "A=B"})},
        (
            'spec.checks[6].config.values[0].env: Invalid value: "A=B": must be the name of an '
            "environment variable: letters, digits, '-', '_' and '.', not starting with a digit"
        ),
    ),
    "a flag with its value": Broken(
        {"checks.6": _config({"argument": "--url=x"})},
        (
            'spec.checks[6].config.values[0].argument: Invalid value: "--url=x": must be a flag '
            'with its dashes and without its value, such as "--url"; flags of one letter are not '
            "supported"
        ),
    ),
    "a key that is none": Broken(
        {"checks.6": _config({"key": "a/b"}, object=_CONFIG_MAP)},
        (
            'spec.checks[6].config.values[0].key: Invalid value: "a/b": must be a key of a '
            "ConfigMap or Secret: letters, digits, '-', '_' and '.'"
        ),
    ),
    "a URL that is none": Broken(
        {"checks.6": _config({"env": "URL", "url": "sso.example.com"})},
        (
            'spec.checks[6].config.values[0].url: Invalid value: "sso.example.com": must be an '
            "http:// or https:// URL"
        ),
    ),
    "values of an unknown target": Broken(
        {"checks.6": _config({"env": "URL"}, target="app")},
        (
            "spec.checks: Invalid value: checks[].config.target must be the name of one of "
            "spec.targets; wrong in configured"
        ),
        by_models=False,
    ),
}
