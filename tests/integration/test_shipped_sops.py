"""The overlays of manifests/sops are applied as they are, on the real API server."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from readme.markdown import ROOT
from testbed import ControlPlane
from testbed.operator import install

SOPS = sorted(path.parents[1] for path in (ROOT / "manifests/sops").glob("*/base/servicesop.yaml"))
OVERLAYS = [
    pytest.param(sop / "overlays" / name, id=f"{sop.name}-{name}")
    for sop in SOPS
    for name in ("stage", "production")
]
PATCH = """\
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: kas-fleet-manager}
spec: {checks: [{name: accepted-clusters-move-on, stuckRows: {olderThan: 4m}}]}
"""


@pytest.fixture
def cluster(control_plane: ControlPlane) -> ControlPlane:
    install(control_plane)
    return control_plane


@pytest.fixture
def namespace(cluster: ControlPlane, overlay: Path) -> Iterator[str]:
    """The namespace of an overlay, which has no SOPs for later tests' operators to run."""
    name: str = yaml.safe_load((overlay / "kustomization.yaml").read_text())["namespace"]
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(place))
    yield name
    cluster.kubectl("delete", "servicesops", "--all", "-n", name)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_applied_and_listed(
    cluster: ControlPlane, namespace: str, overlay: Path
) -> None:
    applied = cluster.kubectl("apply", "-k", str(overlay))
    cluster.kubectl("apply", "-k", str(overlay))
    listed = cluster.kubectl("get", "servicesops", "-n", namespace, "-o", "name")

    name = f"servicesop.servicesop.io/{overlay.parents[1].name}"
    generation = ("get", name, "-n", namespace, "-o", "jsonpath={.metadata.generation}")
    assert applied.strip() == f"{name} created"
    assert name in listed.split()
    # Applying it once more, as GitOps does all the time, changes nothing.
    assert cluster.kubectl(*generation) == "1"


@pytest.mark.parametrize("sop", SOPS, ids=lambda sop: sop.name)
def test_an_overlay_keeps_all_that_its_base_has(control_plane: ControlPlane, sop: Path) -> None:
    base = yaml.safe_load((sop / "base/servicesop.yaml").read_text())["spec"]
    for overlay in (sop / "overlays").iterdir():
        built = yaml.safe_load(control_plane.kubectl("kustomize", str(overlay)))["spec"]
        for field in ("targets", "connections", "teams", "links", "checks", "procedures"):
            names = {item["name"] for item in base.get(field, ())}
            assert names <= {item["name"] for item in built.get(field, ())}, (overlay.name, field)
        # The first target is the default, and kustomize puts first what an overlay names.
        assert [one["name"] for one in built.get("targets", ())][:1] == [
            one["name"] for one in base.get("targets", ())
        ][:1]


def test_an_overlay_that_changes_one_threshold_changes_one_line(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "crds", tmp_path / "crds", symlinks=True)
    shutil.copytree(ROOT / "manifests/sops", tmp_path / "manifests/sops")
    stage = tmp_path / "manifests/sops/kas-fleet-manager/overlays/stage"
    stricter = stage.with_name("stricter")
    stricter.mkdir()
    (stricter / "patch.yaml").write_text(PATCH)
    (stricter / "kustomization.yaml").write_text(
        "resources: [../stage]\npatches: [{path: patch.yaml}]\n"
    )

    before = control_plane.kubectl("kustomize", str(stage)).splitlines()
    after = control_plane.kubectl("kustomize", str(stricter)).splitlines()

    # As sets of lines: kustomize moves the check that is named to the top of the list.
    assert list((Counter(before) - Counter(after)).elements()) == ["      olderThan: 3m"]
    assert list((Counter(after) - Counter(before)).elements()) == ["      olderThan: 4m"]
    assert len(before) > 700
