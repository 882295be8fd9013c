"""`servicesop explain`: what the operator's own table decides, in words."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from servicesop.cli.main import main
from unit.decide.scenes import SPEC


@pytest.fixture
def sop(tmp_path: Path) -> str:
    path = tmp_path / "sop.yaml"
    body = {
        "apiVersion": "servicesop.io/v1alpha1",
        "kind": "ServiceSOP",
        "metadata": {"name": "fleet"},
        "spec": yaml.safe_load(SPEC),
    }
    path.write_text(yaml.safe_dump(body))
    return str(path)


def run(sop: str, given: str, *more: str) -> Result:
    return CliRunner().invoke(main, ["explain", sop, "--given", given, *more])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            "leader/None",
            "row no-leader wins: restart of Deployment fleet-manager, if every guard allows it;"
            " it is the first that is true, and every row above it is false",
        ),
        (
            "moves=Failed,ocm=Inconclusive",
            "row otherwise wins: escalate to control-plane; row stuck is true but may not act,"
            " because row ocm-refuses above it cannot be decided and might be the right one",
        ),
        (
            "leader/Many,ocm=Error",
            "row otherwise wins after 2m: escalate to control-plane;"
            " no row is true, and row ocm-refuses cannot be decided",
        ),
        (
            "leader/Many",
            "row otherwise wins: escalate to control-plane; every row above it is false",
        ),
        (
            "ready=Error,leader/Many,ocm/TooMany",
            "row ocm-refuses wins: escalate to ocm-support (a restart cannot help);"
            " it is the first that is true; row rolling above cannot be decided",
        ),
        (
            "ready/NotReady,leader=Failed",
            "row rolling wins: hold for at most 10m (pods are being replaced);",
        ),
        ("leader=Pending,moves=Failed", "waits: row no-leader cannot be decided yet"),
        # Which of its findings it is was not said.
        ("leader=Failed", "row otherwise wins after 2m: escalate to control-plane; no row is true"),
    ],
)
def test_the_row_that_wins_is_told_with_the_reason(sop: str, given: str, says: str) -> None:
    result = run(sop, given, "--procedure", "Latency")

    assert result.exit_code == 0
    assert says in result.stdout.splitlines()[1]


def test_every_row_is_told_with_what_it_rests_on(sop: str) -> None:
    result = run(sop, "leader/None,ocm=Inconclusive", "--procedure", "Latency")

    head, _, *rows = result.stdout.splitlines()
    assert head == "Latency = Correctness: happening; leader is Failed"
    assert [row.split(maxsplit=2) for row in rows] == [
        ["ROW", "WHEN", "BECAUSE"],
        ["rolling", "false", "ready is Passed"],
        ["no-leader", "true", "leader/None is Failed"],
        ["ocm-refuses", "unknown", "ocm is Inconclusive"],
        ["stuck", "false", "moves is Passed"],
        ["otherwise", "-", "-"],
    ]


def test_procedures_that_are_happening_or_unknown_are_explained(sop: str) -> None:
    first, second = run(sop, "ocm=Failed,leader=Error").stdout.split("\n\n")

    assert first == "Latency = Correctness: unknown; leader is Error"
    assert second.splitlines()[:2] == [
        "Errors: happening; ocm is Failed",
        "row ocm-refuses wins: escalate to ocm-support (a restart cannot help);"
        " it is the first that is true; row no-leader above cannot be decided",
    ]


def test_when_nothing_is_happening_all_procedures_are_named(sop: str) -> None:
    assert run(sop, "").stdout.split("\n\n") == [
        "Latency = Correctness: not happening; all its checks are Passed",
        "Errors: not happening; all its checks are Passed\n",
    ]


def test_a_check_that_waits_for_another_is_skipped(sop: str) -> None:
    body = yaml.safe_load(Path(sop).read_text())
    body["spec"]["checks"][0]["dependsOn"] = ["ready"]
    Path(sop).write_text(yaml.safe_dump(body))

    result = run(sop, "leader/None,ready/NotReady", "--procedure", "Latency")

    assert "Latency = Correctness: unknown; leader is Skipped" in result.stdout


@pytest.mark.parametrize(
    ("given", "more", "says"),
    [
        ("nobody=Failed", [], "there is no check nobody; there are leader, moves, ocm, ready"),
        ("leader/Gone", [], "leader has no finding Gone; it has None, Many, NoHeartbeat"),
        ("leader", [], "leader: must be CHECK=STATE with one of Passed, Failed, Inconclusive,"),
        ("leader=Skipped", [], "must be CHECK=STATE with one of"),
        ("leader/None=Passed", [], "must be CHECK=STATE with one of"),
        ("leader=Passed,leader/None", [], "leader is already given as Passed"),
        ("", ["--procedure", "Gone"], "there is no procedure Gone; there are Latency, Correctness"),
    ],
)
def test_what_is_not_understood_is_2(sop: str, given: str, more: list[str], says: str) -> None:
    result = run(sop, given, *more)

    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


@pytest.mark.parametrize("content", [None, "a: b: c"])
def test_what_cannot_be_read_is_2(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "sop.yaml"
    if content is not None:
        path.write_text(content)

    result = run(str(path), "")

    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert "Usage" not in result.stderr
