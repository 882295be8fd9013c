"""The shipped SOPs in a cluster that has nothing of what they need: they say what is missing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from readme.markdown import ROOT
from testbed.operator import Operator
from testbed.team import Json, Team, condition, is_

STAGES = sorted((ROOT / "manifests/sops").glob("*/overlays/stage"))


def apply(team: Team, overlay: Path) -> str:
    """Apply an overlay to the team's namespace, whichever it is made for."""
    built = yaml.safe_load(team.kubectl("kustomize", str(overlay)))
    team.apply(built["spec"], name=built["metadata"]["name"])
    name: str = built["metadata"]["name"]
    return name


def is_told(status: Json) -> bool:
    return bool(status.get("failing")) and not is_(status, "Healthy", "True")


@pytest.mark.parametrize("overlay", STAGES, ids=lambda path: path.parts[-3])
def test_on_an_empty_cluster_an_sop_says_what_is_missing(
    team: Team, start: Callable[..., Operator], overlay: Path
) -> None:
    start()
    name = apply(team, overlay)

    failing = team.wait(is_told, 60, name)["failing"]

    assert failing in team.kubectl("get", "servicesops", name)


def test_the_fleet_manager_names_one_thing_after_the_other(
    team: Team, start: Callable[..., Operator]
) -> None:
    start()
    name = apply(team, ROOT / "manifests/sops/kas-fleet-manager/overlays/stage")
    team.wait(lambda status: is_(status, "Ready", "False"), 30, name)
    assert "Not ready: no servicesop-runner" in team.kubectl("get", "servicesops", name)

    team.grant()
    status = team.wait(
        lambda status: condition(status, "Ready").get("reason") == "AccessDenied", 60, name
    )

    message = condition(status, "Ready")["message"]
    assert "get secrets kas-fleet-manager-rds-readonly" in message
    assert "get configmaps openshift-service-ca.crt" in message
    assert "pods/log" not in message
