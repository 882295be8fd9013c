"""`servicesop check` on real servers: what it may ask, what it refuses, and how it ends."""

import base64
import json
import os
import pty
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration.cli_place import Place, with_checks
from testbed import free_port


def test_loopback_is_dialled_only_where_it_is_allowed(place: Place) -> None:
    results = place.results(dial=False)

    for name in ("cluster-leader", "web-answers"):
        assert results[name]["reason"] == "AddressRefused"
        assert "--allow-dial HOST:PORT" in results[name]["message"]


def test_the_namespace_is_that_of_the_option_the_sop_or_the_context(place: Place) -> None:
    kubeconfig = place.user("reader", "view")
    sop = with_checks(place.sop, "replicas-ready")
    nowhere = sop.replace(f"namespace: {place.namespace}", "namespace: elsewhere")
    silent = sop.replace(f"  namespace: {place.namespace}\n", "")
    environment = {"KUBECONFIG": f"/nonexistent:{kubeconfig}"}
    process = place.start("-", environment=environment)

    assert process.communicate(silent, timeout=60)[1] == ""
    assert process.returncode == 0
    assert place.check(sop=nowhere)[0] == 2
    assert place.check("-n", place.namespace, sop=nowhere)[0] == 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("kind: ServiceSOP", "kind: [ServiceSOP"), "no valid YAML: line "),
        (("max: 0", "max: 0, maximum: 1"), "unknown field spec.checks[2].logs.maximum"),
        (
            ("within: 1m, max: 0", "within: 1m, max: 0, min: 1"),
            "spec.checks[2].logs: Invalid value: min must not be greater than max",
        ),
        (
            ("checks: [replicas-ready]", "checks: [replicas]"),
            'spec.procedures[0].checks[0]: Invalid value: "replicas": must be the name of one of'
            " spec.checks",
        ),
        (
            ("kind: ServiceSOP", "kind: ConfigMap"),
            "there is no ServiceSOP of servicesop.io/v1alpha1",
        ),
    ],
    ids=["no YAML", "unknown field", "broken rule", "unknown name", "no SOP"],
)
def test_an_sop_that_cannot_be_run_is_refused_before_anything_is_asked(
    place: Place, change: tuple[str, str], fault: str
) -> None:
    code, output, errors = place.check(sop=place.sop.replace(*change, 1))

    assert (code, output) == (3, "")
    assert errors.startswith("Error: standard input: ")
    assert fault in errors


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--check=replicas"], "there is no check replicas; there are accepted-moves-on, "),
        (["--context=other"], 'it needs the context "other" with a cluster'),
        (["--output=xml"], "'xml' is not one of"),
        (["-n", "No_Namespace"], "'No_Namespace' is no name of a namespace"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_usage_has_a_code_of_its_own(place: Place, options: list[str], fault: str) -> None:
    code, output, errors = place.check(*options)

    assert (code, output) == (3, "")
    assert fault in errors


def test_no_kubeconfig_no_server_and_no_login_are_a_line_each(place: Place, tmp_path: Path) -> None:
    whole = yaml.safe_load(place.control_plane.kubeconfig.read_text())
    whole["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    away = tmp_path / "away"
    away.write_text(yaml.safe_dump(whole))
    whole = yaml.safe_load(place.control_plane.kubeconfig.read_text())
    whole["users"][0]["user"] = {"token": "canary-of-another-cluster"}
    stranger = tmp_path / "stranger"
    stranger.write_text(yaml.safe_dump(whole))
    process = place.start("-")
    none = process.communicate(place.sop, timeout=60)[1]

    assert process.returncode == 3
    assert (
        none
        == f"Error: there is no kubeconfig {place.home}/.kube/config; give one with --kubeconfig\n"
    )
    for kubeconfig, fault in ((away, "does not answer"), (stranger, "does not accept")):
        code, output, errors = place.check(kubeconfig=kubeconfig)
        assert (code, output, errors.count("\n")) == (3, "", 1)
        assert errors.startswith("Error: the API server https://127.0.0.1:")
        assert fault in errors
        assert "canary" not in errors


@pytest.fixture
def silent(place: Place) -> Iterator[socket.socket]:
    """A database that takes connections and never answers, and the SOP's Secret for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        data = place.reader.secret | {"port": str(server.getsockname()[1]).encode()}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "missing-db", "namespace": place.namespace},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        place.control_plane.kubectl("apply", "-f", "-", input=json.dumps(secret))
        yield server
        place.control_plane.kubectl("-n", place.namespace, "delete", "secret", "missing-db")


def hanging(place: Place, timeout: str) -> str:
    sop = with_checks(place.sop, "replicas-ready", "no-secret")
    return sop.replace("- name: no-secret\n", f"- name: no-secret\n    timeout: {timeout}\n")


def test_an_interrupt_ends_it_at_once(place: Place, silent: socket.socket, tmp_path: Path) -> None:
    file = tmp_path / "sop.yaml"
    file.write_text(hanging(place, "10m"))
    process = place.start(
        str(file),
        f"--allow-dial=127.0.0.1:{silent.getsockname()[1]}",
        kubeconfig=place.control_plane.kubeconfig,
    )
    with silent.accept()[0]:
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert (output, errors) == ("", "")
    assert time.monotonic() - began < 2


def test_a_terminal_is_told_what_is_waited_for_and_the_timeout_holds(
    place: Place, silent: socket.socket, tmp_path: Path
) -> None:
    file = tmp_path / "sop.yaml"
    file.write_text(hanging(place, "2s"))
    ours, theirs = pty.openpty()
    process = place.start(
        str(file),
        f"--allow-dial=127.0.0.1:{silent.getsockname()[1]}",
        kubeconfig=place.control_plane.kubeconfig,
        stderr=theirs,
    )
    os.close(theirs)
    with silent.accept()[0]:
        output, _ = process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)

    assert process.returncode == 2
    assert re.search(r"^no-secret +stuckRows +Error +TimedOut ", output, re.M)
    assert "1 of 2 checks, " in shown
    assert "waiting for no-secret" in shown
    assert shown.endswith("\r\x1b[K"), "the line is left behind"
