"""`servicesop lint`: which files are looked at, how findings are written, and the exit codes."""

import json
from pathlib import Path

import pytest
import yaml

from servicesop.lint.chain import RULES
from unit.cli.linted import run, sop, write
from unit.lint.clean import clean


def found(*arguments: str) -> list[tuple[str, str]]:
    """Code and path of what is found."""
    document = json.loads(run(*arguments, "-o", "json").stdout)
    return [(one["code"], one["path"]) for one in document["findings"]]


def test_a_clean_file_is_0_and_says_how_much_was_looked_at(tmp_path: Path) -> None:
    result = run(write(tmp_path / "sop.yaml", sop()))

    assert (result.exit_code, result.stdout) == (0, "1 SOP: 0 errors, 0 warnings\n")


def test_a_finding_is_1_and_stands_with_its_place_rule_and_fix(tmp_path: Path) -> None:
    path = tmp_path / "sop.yaml"
    write(path, sop(every="11m"))
    line = path.read_text().splitlines().index("      within: 10m") + 1

    result = run(str(path))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{path}:{line}:7: error: the check upstream-accepts looks back 10m and runs every 11m:"
        " what happens between is never seen [SOP011 short-window]",
        "    Make `within` at least as long as `every`, better twice as long.",
        "1 SOP: 1 error, 0 warnings",
    ]


def test_an_sop_that_would_be_refused_is_told_with_its_field_and_the_others_are_linted(
    tmp_path: Path,
) -> None:
    bad = sop(every="often", extra=1)
    write(tmp_path / "a.yaml", bad, sop(summary=None) | {"metadata": {"name": "other"}})
    write(tmp_path / "b.yaml", sop(notify="None"))

    result = run(str(tmp_path), "-o", "json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(one["code"], one["sop"], one["path"]) for one in document["findings"]] == [
        ("SOP001", "fleet", "spec.every"),
        ("SOP001", "fleet", "spec.extra"),
        ("SOP015", "other", "spec"),
        ("SOP009", "fleet", "spec.notify"),
    ]
    assert document["findings"][0]["line"] == 1 + (
        tmp_path / "a.yaml"
    ).read_text().splitlines().index("  every: often")


def test_a_name_that_leads_nowhere_is_told_at_its_own_line(tmp_path: Path) -> None:
    broken = sop()
    broken["spec"]["procedures"][0]["steps"][1]["check"] = "nowhere"
    path = tmp_path / "sop.yaml"
    write(path, broken)

    result = run(str(path), "-o", "json")

    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["path"] == "spec.procedures[0].steps[1].check"
    assert path.read_text().splitlines()[finding["line"] - 1].endswith("check: nowhere")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: b: c", "no valid YAML: line 1, column 5"),
        ("kind: Role\napiVersion: v1\n", "there is no ServiceSOP of servicesop.io/v1alpha1 in it"),
        ("- a", "each document must be a Kubernetes object"),
        (b"\xff", "is not UTF-8 text"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_2_and_the_rest_is_linted(
    tmp_path: Path, content: str | bytes | None, says: str
) -> None:
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    result = run(str(path), write(tmp_path / "sop.yaml", sop(notify="None")))

    assert result.exit_code == 2
    assert f"{path}: " in result.stderr
    assert says in result.stderr
    assert "SOP009" in result.stdout


def test_standard_input_is_read() -> None:
    result = run("-", stdin=yaml.safe_dump(sop(notify="None")))

    assert result.exit_code == 1
    assert result.stdout.startswith("standard input:")


def test_of_a_directory_only_sops_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "base" / "sop.yaml", sop())
    write(tmp_path / "base" / "list.yaml", ["no", "object"])
    write(tmp_path / "base" / "tests" / "stuck.yaml", {"sop": "../sop.yaml", "tests": []})
    write(tmp_path / "base" / "kustomization.yaml", {"resources": ["sop.yaml"]})
    (tmp_path / "base" / "README.md").write_text("a: b: c")
    part = sop() | {"spec": {"every": "1m"}}
    patches = [{"path": "patch.yaml"}, {"patch": "- op: test"}]
    write(tmp_path / "overlay" / "kustomization.yaml", {"patches": patches})
    write(tmp_path / "overlay" / "patch.yaml", part)

    assert run(str(tmp_path)).stdout == "1 SOP: 0 errors, 0 warnings\n"
    assert found(str(tmp_path / "overlay" / "patch.yaml"))[0][0] == "SOP001"


def test_an_overlay_is_compared_with_the_base_that_is_given_first(tmp_path: Path) -> None:
    fewer = clean()
    fewer["procedures"].pop()
    base, build = tmp_path / "base.yaml", tmp_path / "build.yaml"
    write(base, sop())
    write(build, sop(procedures=fewer["procedures"]))

    assert found(str(base), str(build)) == [("SOP005", "spec.procedures")]
    assert found(str(build), str(base)) == []


def test_json_has_all_that_is_known_of_a_finding(tmp_path: Path) -> None:
    path = write(tmp_path / "sop.yaml", sop(notify="None"))

    document = json.loads(run(path, "-o", "json").stdout)

    (finding,) = document.pop("findings")
    assert document == {"sops": 1, "errors": 0, "warnings": 1, "unread": []}
    assert finding.pop("line") > 1
    assert finding == {
        "file": path,
        "column": 3,
        "sop": "fleet",
        "path": "spec.notify",
        "code": "SOP009",
        "rule": "nobody-told",
        "severity": "warning",
        "message": "rows escalate to teams, and notify: None tells nobody",
        "fix": "Set `notify` to `Info` or `Page`.",
        "page": "docs/lint.md#sop009-nobody-told",
    }


def test_sarif_has_the_rules_and_points_at_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "the sop.yaml"
    write(path, sop(notify="None"))

    result = run(str(path), str(tmp_path / "gone.yaml"), "-o", "sarif")

    document = json.loads(result.stdout)
    (run_,) = document["runs"]
    driver = run_["tool"]["driver"]
    (finding,) = run_["results"]
    (place,) = finding["locations"]
    assert (document["version"], result.exit_code) == ("2.1.0", 2)
    assert [rule["id"] for rule in driver["rules"]] == [rule.code for rule in RULES]
    assert driver["rules"][finding["ruleIndex"]]["id"] == finding["ruleId"] == "SOP009"
    assert finding["level"] == "warning"
    physical = place["physicalLocation"]
    assert physical["artifactLocation"]["uri"].endswith("/the%20sop.yaml")
    line = path.read_text().splitlines()[physical["region"]["startLine"] - 1]
    assert line[physical["region"]["startColumn"] - 1 :] == "notify: None"
    (invocation,) = run_["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "gone.yaml" in invocation["toolExecutionNotifications"][0]["message"]["text"]
