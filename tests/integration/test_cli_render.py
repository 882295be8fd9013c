"""`servicesop render` on real servers: its commands work, and --live tells the state."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from integration.cli_place import Place
from servicesop.cli.main import main
from servicesop.skeleton.draft import draft_of, empty_draft
from servicesop.skeleton.written import written
from testbed import binaries
from testbed.operator import install
from testbed.postgres_programs import Version, installation

BLOCK = re.compile(r"^(?P<indent> *)```sh\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
RUN_BY_HAND = (
    *("replicas-ready", "ocm-accepts", "cluster-leader", "accepted-moves-on", "few-clusters"),
    *("password-is-long", "migrated", "keeps-its-data", "nothing-warned", "policies"),
)


def rendered(
    place: Place, *options: str, sop: str | None = None, who: Path | None = None
) -> Result:
    command = ["render", "-", f"--kubeconfig={who or place.control_plane.kubeconfig}", *options]
    return CliRunner().invoke(main, command, input=sop or with_steps(place))


def with_steps(place: Place) -> str:
    """The SOP of the place, with a step for each check that needs nothing but a shell."""
    body = yaml.safe_load(place.sop)
    spec = body["spec"]
    policies = {"to": {"target": "api"}, "onlyThese": True}
    spec["checks"].append({"name": "policies", "networkPolicy": policies})
    spec["procedures"][0]["steps"] = [{"check": name} for name in RUN_BY_HAND]
    spec["procedures"][0]["checks"] = list(RUN_BY_HAND)
    return yaml.safe_dump(body)


def typed(place: Place, page: str) -> dict[str, str]:
    """Run what stands under each check, as a person would; give what it printed."""
    postgres = installation(Version.V18)
    programs = [binaries.ensure(), postgres.base / postgres.programs]
    begin, *parts = re.split(r"(?=^\d+\. +\*\*`)", page, flags=re.MULTILINE)
    functions = "\n".join(block["text"] for block in BLOCK.finditer(begin))
    printed = {}
    for part in parts:
        found = re.match(r"\d+\. +\*\*`(?P<name>[\w-]+)`", part)
        assert found is not None
        script = "\n".join(
            re.sub(rf"^{block['indent']}", "", block["text"], flags=re.MULTILINE)
            for block in BLOCK.finditer(part.partition("### How to handle")[0])
        )
        result = subprocess.run(
            ["bash", "-c", f"{functions}\n{script}"],
            env={
                "PATH": os.pathsep.join([*map(str, programs), os.defpath]),
                "HOME": str(place.home),
                "KUBECONFIG": str(place.control_plane.kubeconfig),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        printed[found["name"]] = result.stdout + result.stderr
    return printed


def test_what_the_page_says_can_be_typed_as_it_is(place: Place) -> None:
    page = rendered(place)
    assert (page.exit_code, page.stderr) == (0, "")
    printed = typed(place, page.stdout)

    assert list(printed)[: len(RUN_BY_HAND)] == list(RUN_BY_HAND)
    assert re.search(r"deployment.apps/api|^api +2/2 ", printed["replicas-ready"], re.MULTILINE)
    assert printed["replicas-ready"].count(" Running ") == 2
    assert re.fullmatch(r"(pod/api-\S+\n1\n){2}", printed["ocm-accepts"])
    # One leader, of kafka: the cluster worker has none.
    assert re.search(r"^ kafka +\| +1 \| a$", printed["cluster-leader"], re.MULTILINE)
    assert "(1 row)" in printed["cluster-leader"]
    assert re.search(r"^ c1 +\| cluster_accepted \|", printed["accepted-moves-on"], re.MULTILINE)
    assert re.search(r"^ +1$", printed["few-clusters"], re.MULTILINE)
    assert printed["password-is-long"] == f"--password {len('$(PASSWORD)')}\n"
    assert 'jobs.batch "migrate" not found' in printed["migrated"]
    assert printed["keeps-its-data"].split() == ["NAME", "PHASE"], "there is none"
    assert "ERROR" not in printed["nothing-warned"].upper()
    assert printed["policies"].count("Running") == 2
    assert "canary" not in "".join(printed.values())


@pytest.fixture(scope="module")
def applied(place: Place) -> Place:
    install(place.control_plane)
    return place


def set_status(place: Place, status: dict[str, Any]) -> None:
    place.control_plane.kubectl(
        *("-n", place.namespace, "patch", "servicesop", "fleet", "--subresource=status"),
        *("--type=merge", "-p", json.dumps({"status": status})),
    )


def state(page: str) -> str:
    return page.partition("## Current state\n")[2].partition("\n## ")[0]


def test_live_tells_the_state_that_is_applied_now(applied: Place) -> None:
    sop = with_steps(applied)
    kubectl = applied.control_plane.kubectl
    before = rendered(applied, "--live", sop=sop)
    kubectl("apply", "-f", "-", input=sop)
    unseen = rendered(applied, "--live", sop=sop)
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    condition = {
        "type": "Healthy",
        "status": "False",
        "lastTransitionTime": since,
        "observedGeneration": 1,
        "reason": "ProceduresHappening",
        "message": "Everything: replicas-ready",
    }
    set_status(applied, {"observedGeneration": 1, "conditions": [condition]})
    seen = rendered(applied, "--live", sop=sop)
    edited = rendered(applied, "--live", sop=sop.replace("The fleet", "Another title"))
    kubectl("-n", applied.namespace, "delete", "servicesop", "fleet")

    assert [one.exit_code for one in (before, unseen, seen, edited)] == [0, 0, 0, 0]
    assert "There is no ServiceSOP `fleet` there: this page is not applied." in state(before.stdout)
    assert "no operator has looked at it yet" in state(unseen.stdout)
    assert re.search(
        rf"\| `Healthy` +\| False +\| {since} \| ProceduresHappening \| Everything: replicas-ready",
        state(seen.stdout),
    )
    assert "differs from this page" not in seen.stdout
    assert "What is applied differs from this page." in state(edited.stdout)


def test_a_person_who_may_not_see_it_is_told(applied: Place) -> None:
    result = rendered(applied, "--live", who=applied.user("nobody-here"))

    assert (result.exit_code, result.stdout) == (2, "")
    assert "you may not get servicesops there" in result.stderr


@pytest.mark.parametrize(
    "page", ["", "# Orders\n## Down\n### Impact\nNone.\n### Steps\n1. Look.\n"]
)
def test_a_draft_is_accepted(applied: Place, page: str) -> None:
    draft = draft_of("orders", page) if page else empty_draft("orders")
    text = written("orders", draft.spec)
    answer = applied.control_plane.kubectl(
        "-n", applied.namespace, "apply", "--dry-run=server", "-f", "-", input=text
    )

    assert "created (server dry run)" in answer
