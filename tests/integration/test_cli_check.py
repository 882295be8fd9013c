"""`servicesop check` on real servers: what a person with a kubeconfig is told of an SOP."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from integration.cli_place import COUNTS, EXPECTED, Place, with_checks
from servicesop.app.once import SYNC_SECONDS


def test_each_result_is_told_with_its_reason_and_no_more(place: Place) -> None:
    code, output, errors = place.check("-o", "json")
    report = json.loads(output)
    found = {
        one["name"]: (one["result"], one["reason"], one["findings"]) for one in report["checks"]
    }

    assert (code, errors) == (1, "")
    assert found == EXPECTED
    assert {key: report[key] for key in COUNTS} == COUNTS
    assert "canary" not in output
    evidence = {one["name"]: one["evidence"] for one in report["checks"]}
    assert evidence["password-is-long"] == [
        "argument --password is shorter than 100 characters (Secret fleet-db, key password)"
    ]
    assert evidence["accepted-moves-on"] == ["c1 cluster_accepted over 3m"]
    assert [line.rsplit(": ", 1)[1] for line in evidence["ocm-accepts"]] == ["1", "1"]


def test_the_table_is_aligned_and_each_line_has_its_check(place: Place) -> None:
    code, output, errors = place.check()
    lines = output.splitlines()
    head = lines[0]

    assert (code, errors) == (1, "")
    assert head.split() == ["CHECK", "TYPE", "RESULT", "REASON", "TIME", "MESSAGE"]
    for line, name in zip(lines[1 : 1 + len(EXPECTED)], EXPECTED, strict=True):
        assert line.startswith(f"{name} ")
        assert line[head.index("RESULT") :].startswith(EXPECTED[name][0])
    assert "accepted-moves-on   c1 cluster_accepted over 3m" in lines
    assert lines[-1].endswith(", ".join(f"{count} {said}" for said, count in COUNTS.items()))
    assert "One sample of each check" in output
    assert "canary" not in output


def test_junit_has_a_case_per_check(place: Place) -> None:
    code, output, _ = place.check("-o", "junit")
    kinds = {
        case.get("name"): [outcome.tag for outcome in case]
        for case in ElementTree.fromstring(output).iter("testcase")  # noqa: S314 - our own output
    }
    shown = {"Passed": [], "Failed": ["failure"], "Inconclusive": ["error"], "Error": ["error"]}

    assert code == 1
    assert kinds == {name: shown[result] for name, (result, _, _) in EXPECTED.items()}


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["replicas-ready"], 0),
        (["replicas-ready", "log-is-clean"], 0),
        (["replicas-ready", "log-covers"], 2),
        (["other-target"], 2),
        (["other-target", "more-replicas"], 1),
    ],
    ids=lambda value: value if isinstance(value, int) else "+".join(value),
)
def test_the_exit_code_is_about_the_checks_that_were_named(
    place: Place, names: list[str], code: int
) -> None:
    found, output, _ = place.check("-o", "json", *(f"--check={name}" for name in names))

    assert found == code
    assert sorted(one["name"] for one in json.loads(output)["checks"]) == sorted(names)


def test_a_suspended_sop_is_not_run_but_a_check_that_is_named_is(place: Place) -> None:
    sop = place.sop.replace("title: The fleet", "title: The fleet\n  suspend: true")
    all_of_them = place.check("-o", "json", sop=sop)
    one = place.check("--check=replicas-ready", sop=sop)

    assert all_of_them[0] == 2
    assert {check["result"] for check in json.loads(all_of_them[1])["checks"]} == {"Suspended"}
    assert one[0] == 0


def test_a_check_waits_for_those_that_it_depends_on(place: Place) -> None:
    sop = place.sop
    for name, fields in (
        ("replicas-ready", "dependsOn: [log-is-clean]"),
        ("accepted-moves-on", "dependsOn: [replicas-ready, cluster-leader]"),
        ("no-secret", "dependsOn: [accepted-moves-on]"),
        ("more-replicas", "suspend: true"),
    ):
        sop = sop.replace(f"- name: {name}\n", f"- name: {name}\n    {fields}\n")
    results = place.results(sop=sop)
    one = place.results("--check=accepted-moves-on", "--check=more-replicas", sop=sop)
    said = {name: (each["result"], each["reason"]) for name, each in results.items()}

    assert said["replicas-ready"] == ("Passed", None)
    assert said["accepted-moves-on"] == ("Skipped", "DependsOn")
    assert results["accepted-moves-on"]["message"] == "waits for cluster-leader"
    assert results["no-secret"]["message"] == (
        "waits for accepted-moves-on; the cause is cluster-leader"
    )
    assert said["more-replicas"] == ("Suspended", "Suspended")
    assert {name: each["result"] for name, each in one.items()} == {
        "replicas-ready": "Passed",
        "more-replicas": "Failed",
        "log-is-clean": "Passed",
        "cluster-leader": "Failed",
        "accepted-moves-on": "Skipped",
    }


def test_two_sops_and_other_objects_in_one_file(place: Place, tmp_path: Path) -> None:
    first = with_checks(place.sop, "replicas-ready")
    second = with_checks(place.sop, "more-replicas").replace("name: fleet\n", "name: second\n")
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    file = tmp_path / "both.yaml"
    file.write_text("---\n".join([first, other, second]))

    process = place.start(str(file), kubeconfig=place.control_plane.kubeconfig)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (1, "")
    lines = [re.split(r"\s{3,}", line) for line in output.splitlines()]
    assert lines[0][:2] == ["SOP", "CHECK"]
    assert lines[1][:4] == [f"{place.namespace}/fleet", "replicas-ready", "workload", "Passed"]
    assert lines[2][:4] == [f"{place.namespace}/second", "more-replicas", "workload", "Failed"]


def test_a_person_asks_as_nobody_else_and_changes_nothing(place: Place) -> None:
    kubeconfig = place.user("admin", "admin")
    audit = place.control_plane.audit()
    mark = audit.mark()
    results = place.results(kubeconfig=kubeconfig)

    requests = [one for one in audit.since(mark) if one.user.endswith(":admin")]
    assert {name: one["result"] for name, one in results.items()} == {
        name: result for name, (result, _, _) in EXPECTED.items()
    }
    assert requests
    assert {one.verb for one in requests} <= {"get", "list", "watch"}
    assert {one.impersonated_user for one in requests} == {""}
    # It does not even need to know whether there is such a type.
    assert not [one for one in requests if one.group == "servicesop.io"]
    assert not [one for one in requests if one.resource == "serviceaccounts"]


def test_a_person_without_a_right_is_told_which(place: Place) -> None:
    resources = "deployments.apps,statefulsets.apps,replicasets.apps,controllerrevisions.apps,pods"
    place.control_plane.kubectl(
        *("create", "clusterrole", "cli-check-watcher", "--verb=get,list,watch"),
        f"--resource={resources}",
    )
    results = place.results(kubeconfig=place.user("watcher", "cli-check-watcher"))

    assert results["replicas-ready"]["result"] == "Passed"
    for name, right in (
        ("ocm-accepts", "get pods/log"),
        ("cluster-leader", "get Secret fleet-db"),
        ("password-is-long", "get Secret fleet-db"),
    ):
        assert (results[name]["result"], results[name]["reason"]) == ("Error", "AccessDenied")
        assert results[name]["message"] == (
            f"you may not {right} in the namespace {place.namespace}; ask its team for a Role that"
            " allows it, or use another context"
        )


def test_a_person_who_may_see_nothing_is_told_at_once(place: Place) -> None:
    code, output, errors = place.check("-o", "json", kubeconfig=place.user("stranger"))
    report = json.loads(output)
    results = report["checks"]

    assert (code, errors) == (2, "")
    assert {one["reason"] for one in results} == {"AccessDenied"}
    assert "you may not list and watch" in results[0]["message"]
    assert "ClusterRole view" in results[0]["message"]
    assert report["seconds"] < SYNC_SECONDS, "it waited for a view that is refused"
