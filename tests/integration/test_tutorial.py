"""The part of docs/tutorial.md that needs a cluster, on a real API server with the operator."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from readme.blocks import Use, blocks_of
from readme.markdown import DOCS
from readme.session import Session
from testbed import ControlPlane, Run, binaries
from testbed.operator import ACCOUNT, NAMESPACE, install, start_operator

TUTORIAL = (DOCS / "tutorial.md").read_text()
TEAM = "print-shop-stage"


@pytest.fixture
def installed(control_plane: ControlPlane, run: Run) -> Iterator[ControlPlane]:
    """The cluster with the operator, and at the end without what the tutorial has made."""
    install(control_plane)
    kubeconfig = control_plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
    operator = start_operator(run, kubeconfig)
    yield control_plane
    control_plane.kubectl("-n", TEAM, "delete", "servicesops", "--all", "--wait=true")
    operator.stop()


def test_the_part_with_a_cluster_prints_what_it_shows(
    installed: ControlPlane, tmp_path: Path
) -> None:
    usual = tmp_path / "home" / ".kube" / "config"
    usual.parent.mkdir(parents=True)
    shutil.copy(installed.kubeconfig, usual)
    (tmp_path / "work").mkdir()
    path = os.pathsep.join([str(binaries.ensure()), "/usr/bin", "/bin"])
    session = Session(tmp_path / "work", tmp_path / "home", path)

    for block in blocks_of(TUTORIAL):
        session.follow(block, {Use.CLUSTER_SESSION})
