"""`servicesop test --against`: other versions, changed on purpose, broken, hanging, or too old."""

import json
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from servicesop.cli.against import OtherVersionError, ask, compared
from servicesop.cli.main import main
from servicesop.cli.record import FORMAT, ActRecord, CaseRecord, FileRecord, Record
from servicesop.cli.versions import Installed, find_version
from unit.cli.other_versions import changed, stub
from unit.simulate.stories import SOP

HERE = version("servicesop")
NEWER = "99.0.0"

SLOWER = {
    "api/checks/leader.py": (
        "for_none: Duration = timedelta(seconds=90)",
        "for_none: Duration = timedelta(seconds=150)",
    )
}
SLOWER_CHANGES = [
    (
        "verdict",
        "passed",
        "failed in expect[0]",
        ": expect[0] at 3m: act: expected restart, done was nothing",
    ),
    ("at 2m30s: check led", "Failed/None", "Pending/None", ""),
    ("at 2m30s: condition Healthy", "False/ChecksFailed", "Unknown/ChecksPending", ""),
    ("at 2m30s: condition RemediationAllowed", "False/TargetConflict", "True/Allowed", ""),
    ("at 2m30s until 3m: condition Remediating", "True/Settling", "False/NoAction", ""),
    ("at 2m30s: procedure Provisioning", "True/ChecksFailed", "Unknown/ChecksPending", ""),
    ("at 2m30s: procedure Provisioned", "True/ChecksFailed", "Unknown/ChecksPending", ""),
    ("at 2m30s: row Provisioning", "no-leader", "none", ""),
    ("at 2m30s: act", "restart of api", "none", ""),
    ("at 3m: condition Remediating", "True/Verifying", "False/NoAction", ""),
]
WITHOUT_A_FIELD = {"api/sop.py": ("allow_privileged_role:", "privileged_role:")}

STORY = """
sop: {sop}
tests:
- name: a lost leader is restarted
  given:
  - {{at: 0s, all: Passed}}
  - {{at: 1m, check: led, finding: None}}
  expect:
  - {{at: 3m, act: restart}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    spec = yaml.safe_load(SOP)
    write(tmp_path, "led", spec)
    spec["connections"][0]["postgres"]["allowPrivilegedRole"] = False
    write(tmp_path, "privileged", spec)
    return tmp_path


def write(place: Path, name: str, spec: object) -> None:
    (place / "tests").mkdir(exist_ok=True)
    kind = {"apiVersion": "servicesop.io/v1alpha1", "kind": "ServiceSOP"}
    body = kind | {"metadata": {"name": name}, "spec": spec}
    (place / f"{name}.yaml").write_text(yaml.safe_dump(body))
    (place / "tests" / f"{name}.yaml").write_text(STORY.format(sop=f"../{name}.yaml"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["test", *map(str, arguments)])


def test_a_changed_default_and_a_field_that_is_gone_are_all_that_is_told(place: Path) -> None:
    other = changed(place / "other", NEWER, SLOWER | WITHOUT_A_FIELD)
    result = run(place / "tests", "--against", other)

    led = f"{place}/tests/led.yaml: a lost leader is restarted"
    known = "there are secretRef, keys, tls, privilegedRole"
    gone = f"spec.connections[0].postgres.allowPrivilegedRole; {known}"
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        *(
            f"{led}: {what}: {here} ({HERE}) → {there} ({NEWER}){why}"
            for what, here, there, why in SLOWER_CHANGES
        ),
        f"{place}/tests/privileged.yaml: accepted ({HERE}) → refused ({NEWER}):"
        f" sop: {place}/tests/../privileged.yaml: ServiceSOP privileged: unknown field {gone}",
        f"2 tests: 0 the same in {HERE} and {NEWER}, 2 not",
    ]


def test_the_same_version_says_the_same(place: Path) -> None:
    other = changed(place / "other", HERE, {})
    result = run(place / "tests", "--against", other)

    summary = f"2 tests: 2 the same in {HERE} of {other} and {HERE} here, 0 not\n"
    assert (result.exit_code, result.output) == (0, summary)


def test_a_version_without_tests_is_told_before_it_is_run(place: Path) -> None:
    other = stub(place / "other", "0.3.0", "raise AssertionError")
    result = run(place / "tests", "--against", other)

    assert result.exit_code == 2
    assert "servicesop 0.3.0 has no `servicesop test`, which came with 0.4:" in result.output


def test_a_version_that_breaks_is_told_with_its_last_words(place: Path) -> None:
    other = stub(place / "other", NEWER, "sys.exit('no such thing')")
    result = run(place / "tests", "--against", other)

    said = f"Error: servicesop {NEWER} has not run the tests:\nno such thing\n"
    assert (result.exit_code, result.output) == (2, said)


def test_a_version_that_ends_without_a_word_is_told(place: Path) -> None:
    other = stub(place / "other", NEWER, "__import__('os')._exit(7)")
    result = run(place / "tests", "--against", other)

    said = f"Error: servicesop {NEWER} has not run the tests:\nit ended with exit code 7\n"
    assert (result.exit_code, result.output) == (2, said)


def test_a_record_in_another_form_is_told(place: Path) -> None:
    other = stub(place / "other", NEWER, f"print({json.dumps({'format': 2})!r})")
    result = run(place / "tests", "--against", other)

    assert result.exit_code == 2
    assert "in another form than is known here (2, not 1): run that version with" in result.output


def test_a_version_that_hangs_is_ended(tmp_path: Path) -> None:
    other = stub(tmp_path / "other", NEWER, "__import__('time').sleep(600)")
    version = find_version(str(other), tmp_path, print)

    with pytest.raises(OtherVersionError, match="has not run the tests within 1 s, and was ended"):
        ask(version, [tmp_path], seconds=1)


@pytest.mark.parametrize(
    ("here", "there", "names"),
    [
        ("0.4.0", "0.5.0", ("0.4.0", "0.5.0")),
        ("0.5.0", "0.4.0", ("0.4.0", "0.5.0")),
        ("0.5.0", "0.5.0", ("0.5.0 of wheel", "0.5.0 here")),
    ],
)
def test_the_arrow_leads_from_the_older_version_to_the_newer(
    here: str, there: str, names: tuple[str, str]
) -> None:
    act = ActRecord(at=timedelta(minutes=1), act="restart", target="api")

    def record(number: str, *acts: ActRecord) -> Record:
        case = CaseRecord(name="it", faults=(), changes=(), acts=acts)
        file = FileRecord(path="a.yaml", refused=(), tests=(case,))
        return Record(format=FORMAT, version=number, files=(file,))

    other = Installed(there, Path("wheel"), ())
    told, differs = compared(record(here, act), record(there), other)

    older, newer = names
    words = ("restart of api", "none") if older == here else ("none", "restart of api")
    assert differs
    assert told.splitlines() == [
        f"a.yaml: it: at 1m: act: {words[0]} ({older}) → {words[1]} ({newer})",
        f"1 test: 0 the same in {older} and {newer}, 1 not",
    ]


@pytest.mark.parametrize(
    "options", [["-o", "json"], ["--fail-under", "1"], ["--observed"]], ids=lambda one: one[0]
)
def test_it_goes_with_no_other_option(place: Path, options: list[str]) -> None:
    result = run(place / "tests", "--against", NEWER, *options)

    assert (result.exit_code, "--against goes with no other option" in result.output) == (2, True)


def test_what_both_refuse_is_bad_input(place: Path) -> None:
    path = place / "tests" / "led.yaml"
    path.write_text(path.read_text().replace("act: restart", "act: reboot"))
    refused = {"path": str(path), "refused": ["whatever"], "tests": []}
    record = json.dumps({"format": 1, "version": NEWER, "files": [refused]})
    other = stub(place / "other", NEWER, f"print({record!r})")
    result = run(path, "--against", other)

    fault = "test 'a lost leader is restarted': expect[0].act: must be 'restart' or 'deletePod'"
    assert (result.exit_code, result.output) == (2, f"Error: {path}: {fault}\n")
