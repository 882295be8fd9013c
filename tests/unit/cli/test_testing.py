"""`servicesop test`: which files it reads, what it prints, and how it ends."""

import json
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner, Result

from servicesop.cli import suites
from servicesop.cli.documents import Document, read_documents
from servicesop.cli.main import main
from unit.simulate.stories import SOP

PASSES = """
sop: ../base/servicesop.yaml
start: 2024-05-01T12:00:00Z
tests:
- name: a lost leader is restarted
  given:
  - {at: 0s, all: Passed}
  - {at: 1m, check: led, finding: None}
  expect:
  - {at: 4m, act: restart}
"""
FAILS = PASSES + '  - {at: 5m, conditions: {Healthy: "True"}}\n'
SAID = "expect[1] at 5m: conditions.Healthy: expected True, it is False (led: as the test says)"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "tests").mkdir()
    body = {"apiVersion": "servicesop.io/v1alpha1", "kind": "ServiceSOP"}
    whole = body | {"metadata": {"name": "fleet"}, "spec": yaml.safe_load(SOP)}
    (tmp_path / "base" / "servicesop.yaml").write_text(yaml.safe_dump(whole))
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [servicesop.yaml]\n")
    return tmp_path


def write(place: Path, text: str, name: str = "leader.yaml") -> Path:
    path = place / "tests" / name
    path.write_text(text)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["test", *map(str, arguments)])


def test_what_passes_is_told_with_the_rows_that_no_test_reaches(place: Path) -> None:
    path = write(place, PASSES)
    result = run(path)

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:6] == [
        f"ok     {path}: a lost leader is restarted",
        "",
        f"{place}/tests/../base/servicesop.yaml: 1 of 3 rows reached",
        "  not reached: Provisioning/ocm-refuses",
        "  not reached: Provisioning/otherwise",
        "  by plain results only: Provisioning/no-leader",
    ]
    assert lines[-1].startswith("1 test in ")
    assert lines[-1].endswith(": 1 passed, 0 failed")


def test_what_fails_says_what_is_so_instead(place: Path) -> None:
    path = write(place, FAILS)
    result = run(path)

    assert result.exit_code == 1
    assert result.output.splitlines()[:2] == [
        f"FAILED {path}: a lost leader is restarted",
        f"         {SAID}",
    ]


def test_a_row_that_does_not_win_is_told_with_why_none_does(place: Path) -> None:
    text = PASSES.replace("finding: None", "result: Error").replace(
        "act: restart", "row: Provisioning/otherwise"
    )

    assert " row: expected Provisioning/otherwise, none wins: Provisioning is Unknown (" in (
        run(write(place, text)).output
    )


def test_a_directory_is_searched_and_objects_in_it_are_left_out(place: Path) -> None:
    write(place, PASSES)
    write(place, FAILS, "more.yml")
    result = run(place)

    assert result.exit_code == 1
    assert result.output.splitlines()[-1].endswith(": 1 passed, 1 failed")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-under", "33"], 0),
        (["--fail-under", "34"], 1),
        (["--fail-under", "33", "--observed"], 1),
        (["--observed"], 0),
    ],
)
def test_too_few_rows_fail(place: Path, arguments: list[str], code: int) -> None:
    assert run(write(place, PASSES), *arguments).exit_code == code


def test_junit_has_a_case_for_each_test_and_one_for_the_rows(place: Path) -> None:
    path = write(place, FAILS)
    result = run(path, "-o", "junit", "--fail-under", "50")
    root = ElementTree.fromstring(result.output.encode())  # noqa: S314 - our own
    suites = root.findall("testsuite")

    assert result.exit_code == 1
    assert [(one.get("name"), one.get("tests"), one.get("failures")) for one in suites] == [
        (str(path), "1", "1"),
        ("rows", "1", "1"),
    ]
    failure = suites[0].find("testcase/failure")
    assert failure is not None
    assert failure.text == SAID
    rows = suites[1].find("testcase/failure")
    assert rows is not None
    assert rows.text == "Provisioning/ocm-refuses\nProvisioning/otherwise"


def test_json_has_what_was_said_and_done_and_why_a_file_is_refused(place: Path) -> None:
    good = write(place, FAILS)
    unread = write(place, PASSES.replace("act: restart", "act: reboot"), "more.yaml")
    malformed = (
        "objects: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: fleet-manager},"
        " spec: {replicas: many}}]"
    )
    unusable = write(place, PASSES.replace("all: Passed", malformed), "odd.yaml")
    result = run(place, "-o", "json")
    document = json.loads(result.output)
    told, *refused = document["files"]

    assert (result.exit_code, document["format"], document["version"]) == (
        2,
        1,
        version("servicesop"),
    )
    (test,) = told["tests"]
    assert (told["path"], told["refused"], test["faults"]) == (str(good), [], [SAID])
    assert {"at": "2m30s", "what": "row Provisioning", "now": "no-leader"} in test["changes"]
    assert test["acts"] == [{"at": "2m30s", "act": "restart", "target": "api"}]
    assert [(one["path"], one["tests"]) for one in refused] == [
        (str(unread), []),
        (str(unusable), []),
    ]
    assert "expect[0].act: must be 'restart' or 'deletePod'" in refused[0]["refused"][0]
    assert "given[0].objects: has not the form" in refused[1]["refused"][0]


def test_where_one_file_cannot_be_run_none_is(place: Path) -> None:
    write(place, PASSES)
    write(place, PASSES.replace("act: restart", "act: reboot"), "more.yaml")
    result = run(place)

    assert (result.exit_code, "restarted\n" in result.output) == (2, False)


def test_a_mode_may_be_tried_that_the_sop_does_not_have(place: Path) -> None:
    text = PASSES.replace("tests:", "mode: DryRun\ntests:").replace("act: restart", "acts: 0")

    assert run(write(place, text)).exit_code == 0


DEPLOYMENT = "apiVersion: apps/v1, kind: Deployment, metadata: {name: fleet-manager}"
THINGS = "all check logs rows leases sql events objects gone samples alerts http sources"
FIELDS = f"at {THINGS}".replace("check", "check finding result").replace(" ", ", ")


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("at: 1m", "at: 1x", 'given[1].at: must be a duration such as "30s", "3m" or "1h30m"'),
        (
            "check: led",
            "chek: led",
            f"given[1].chek: there is no such field; there are {FIELDS}",
        ),
        (
            "all: Passed",
            "all: Passed, check: led, result: Passed",
            f"given[0]: exactly one of the fields in [{THINGS}] must be set",
        ),
        ("act: restart", "act: reboot", "expect[0].act: must be 'restart' or 'deletePod'"),
        ("act: restart", "never: {act: restart}", "expect[0]: never needs until"),
        (
            "finding: None",
            "finding: Nobody",
            "given[1].finding: there is no finding Nobody; there are None, Many, NoHeartbeat",
        ),
        (
            "all: Passed",
            f"objects: [{{{DEPLOYMENT}, spec: {{replicas: many}}}}]",
            "given[0].objects: has not the form in which Kubernetes gives it; compare with `kubectl"
            " get -o yaml`",
        ),
    ],
)
def test_a_test_that_cannot_be_run_says_where_and_what_is_allowed(
    place: Path, was: str, becomes: str, fault: str
) -> None:
    assert was in PASSES
    path = write(place, PASSES.replace(was, becomes))
    result = run(path)

    assert result.exit_code == 2
    assert f"{path}: test 'a lost leader is restarted': {fault}\n" in result.output


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("base", "overlay", "servicesop.yaml cannot be read: No such file or directory"),
        (
            "servicesop.yaml",
            "kustomization.yaml",
            "kustomization.yaml: there is no ServiceSOP of servicesop.io/v1alpha1 in it",
        ),
    ],
)
def test_an_sop_that_is_not_there_is_told(place: Path, was: str, becomes: str, fault: str) -> None:
    file = "../base/servicesop.yaml"
    sop = file.replace(was, becomes)
    path = write(place, PASSES.replace(file, sop))
    result = run(path)

    assert result.exit_code == 2
    assert f"{path}: sop: {place}/tests/{Path(sop).parent}/{fault}\n" in result.output


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tests: [", "no valid YAML: line 1, column 9: "),
        ("sop: x\ntests: []\n", "tests: must not be empty\n"),
        ("sop: x\n", "tests: must be given\n"),
        ("[1]", "a file of tests must be a map with sop and tests\n"),
    ],
    ids=["no YAML", "no tests", "no list of tests", "no map"],
)
def test_a_file_that_holds_no_tests_is_told(place: Path, text: str, fault: str) -> None:
    path = write(place, text)
    result = run(path)

    assert result.exit_code == 2
    assert f"{path}: {fault}" in result.output


def test_an_sop_with_several_files_of_tests_is_read_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def count(text: str) -> tuple[Document, ...]:
        read.append(text)
        return read_documents(text)

    monkeypatch.setattr(suites, "read_documents", count)
    write(place, PASSES, "one.yaml")
    write(place, PASSES, "two.yaml")
    result = run(place)

    assert (result.exit_code, len(read)) == (0, 1)
    assert "2 tests" in result.output


def test_a_file_of_a_directory_that_is_neither_tests_nor_objects_is_told(place: Path) -> None:
    write(place, PASSES.replace("tests:", "test:").replace("sop:", "sops:"))
    result = run(place)

    assert (result.exit_code, "must have the fields sop and tests" in result.output) == (2, True)


def test_the_patches_of_an_overlay_are_no_tests(place: Path) -> None:
    write(place, PASSES)
    (place / "tests" / "patch.yaml").write_text("[{op: replace, path: /spec/every, value: 1m}]")
    result = run(place)

    assert (result.exit_code, "1 passed" in result.output) == (0, True)


def test_a_directory_without_tests_is_told(place: Path) -> None:
    result = run(place)

    assert (result.exit_code, "there are no tests" in result.output) == (2, True)
