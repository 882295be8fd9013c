"""The administrator's file of endpoints: what is wrong with it is said at the start, and where."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from servicesop.app.endpoints import EndpointsError, read_endpoints
from servicesop.cli.main import main

COMPLETE = {
    "name": "cluster-monitoring",
    "kind": "Prometheus",
    "url": "https://thanos.example.com:9091/prefix",
    "caFile": "/etc/ca.crt",
    "bearerTokenFile": "/etc/token",
    "namespaces": ["shop"],
}
ABSENT = object()


def written(tmp_path: Path, *endpoints: dict[str, Any]) -> Path:
    path = tmp_path / "endpoints.yaml"
    path.write_text(yaml.safe_dump({"endpoints": list(endpoints)}))
    return path


def changed(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in (COMPLETE | fields).items() if value is not ABSENT}


def test_a_complete_endpoint_is_read(tmp_path: Path) -> None:
    (endpoint,) = read_endpoints(written(tmp_path, COMPLETE))
    assert endpoint.address == ("thanos.example.com", 9091)
    assert endpoint.may_use("shop")
    assert not endpoint.may_use("other")


def test_nothing_is_allowed_to_nobody_by_default(tmp_path: Path) -> None:
    (endpoint,) = read_endpoints(written(tmp_path, changed(namespaces=ABSENT)))
    assert not endpoint.may_use("shop")


def test_the_port_is_the_schemes_own_where_none_is_written(tmp_path: Path) -> None:
    (endpoint,) = read_endpoints(written(tmp_path, changed(url="https://[fd00::1]")))
    assert endpoint.address == ("fd00::1", 443)


BROKEN = {
    "an unknown field": (changed(insecure=True), "unknown field endpoints[0].insecure"),
    "no name": (changed(name=ABSENT), "endpoints[0].name: a value is required"),
    "a bad name": (changed(name="A_b"), "endpoints[0].name: string should match pattern"),
    "no kind": (changed(kind=ABSENT), "endpoints[0].kind: a value is required"),
    "another kind": (
        changed(kind="Grafana"),
        "endpoints[0].kind: input should be 'Prometheus' or 'Alertmanager'",
    ),
    "a password in the URL": (
        changed(url="https://me:canary@thanos.example.com"),
        "endpoints[0].url: must be a URL such as",
    ),
    "another scheme": (changed(url="file:///canary"), "endpoints[0].url: must be a URL such as"),
    "a query in the URL": (
        changed(url="https://thanos.example.com/?canary=1"),
        "endpoints[0].url: must have no query",
    ),
    "a relative path": (changed(caFile="ca.crt"), "endpoints[0].caFile: string should match"),
    "a CA without TLS": (
        changed(url="http://thanos.example.com"),
        "endpoints[0]: caFile must be set only with an https:// URL",
    ),
    "two ways to log in": (
        changed(basicAuth={"usernameFile": "/u", "passwordFile": "/p"}),
        "endpoints[0]: bearerTokenFile and basicAuth exclude each other",
    ),
    "half a login": (
        changed(bearerTokenFile=ABSENT, basicAuth={"usernameFile": "/u"}),
        "endpoints[0].basicAuth.passwordFile: a value is required",
    ),
    "everybody without tenancy": (
        changed(namespaces=["*"]),
        'endpoints[0]: namespaces may hold "*" only with tenancy',
    ),
    "a namespace that is none": (
        changed(namespaces=["shop", "Shop*"]),
        "endpoints[0].namespaces[1]: string should match pattern",
    ),
    "two kinds of tenancy": (
        changed(tenancy={"namespaceParam": "ns", "header": "X-Tenant"}),
        "endpoints[0].tenancy: exactly one of the fields in [namespaceParam header] must be set",
    ),
    "the operator's own parameter": (
        changed(tenancy={"namespaceParam": "query"}),
        "endpoints[0].tenancy.namespaceParam: must not be one that the operator sends itself",
    ),
    "a header of HTTP": (
        changed(tenancy={"header": "authorization"}),
        "endpoints[0].tenancy.header: must not be a header of HTTP itself",
    ),
    "a header with more in it": (
        changed(tenancy={"header": "X-A: canary\r\nX-B"}),
        "endpoints[0].tenancy.header: string should match pattern",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said_with_its_place_and_not_repeated(tmp_path: Path, name: str) -> None:
    endpoint, says = BROKEN[name]
    path = written(tmp_path, endpoint)
    with pytest.raises(EndpointsError) as refused:
        read_endpoints(path)
    assert str(refused.value).startswith(f"{path}: {says}")
    assert "canary" not in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, changed(url="x"), changed(name="b", kind="x"))
    with pytest.raises(EndpointsError) as refused:
        read_endpoints(path)
    assert [line.split(": ")[1] for line in str(refused.value).split("\n")] == [
        "endpoints[0].url",
        "endpoints[1].kind",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"endpoints: [", "is no valid YAML: line 1"),
        (b"\x00", "is no valid YAML"),
        (b"[" * 100_000, "is no valid YAML"),
        (b"", "the file: must be an object"),
        (b"- a", "the file: must be an object"),
        (b"endpoints: {a: 1}", "endpoints: must be a list"),
        (b"#" * 1_100_000, "is larger than 1 MiB"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "endpoints.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EndpointsError, match=says):
        read_endpoints(path)


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EndpointsError, match="there are two cluster-monitoring"):
        read_endpoints(written(tmp_path, COMPLETE, COMPLETE))


@pytest.mark.parametrize("command", [["run"], ["check", "sop.yaml"]])
def test_both_commands_refuse_a_bad_file_before_they_do_anything(
    tmp_path: Path, command: list[str]
) -> None:
    path = written(tmp_path, changed(kind="Grafana"))
    result = CliRunner().invoke(main, [*command, "--endpoints", str(path)])
    assert result.exit_code in (2, 3)
    assert "endpoints[0].kind: input should be 'Prometheus' or 'Alertmanager'" in result.output
