"""The SOPs of manifests/sops are valid, and nothing in them is more than the operator takes."""

from pathlib import Path

import pytest
import yaml

from readme.markdown import ROOT
from servicesop.api.checks.check import Check
from servicesop.api.sop import Spec
from servicesop.checks.leader_lines import LeaderLineReader
from servicesop.checks.patterns import matcher
from servicesop.cli.documents import read_documents

SOPS = sorted((ROOT / "manifests" / "sops").glob("*/base/servicesop.yaml"))
IDS = [path.parts[-3] for path in SOPS]
OVERLAYS = ["stage", "production"]


def spec_of(path: Path) -> Spec:
    (document,) = read_documents(path.read_text())
    return document.spec


def patterns(check: Check) -> list[str]:
    if check.events is not None:
        return [check.events.pattern or ""]
    if check.logs is None:
        return []
    join = [check.logs.join.start] if check.logs.join else []
    return [check.logs.pattern, *join, *(one.pattern or "" for one in check.logs.classes or ())]


@pytest.mark.parametrize("path", SOPS, ids=IDS)
def test_a_shipped_sop_is_valid_and_named_as_its_directory(path: Path) -> None:
    (document,) = read_documents(path.read_text())

    assert document.name == path.parts[-3]
    assert document.namespace is None


@pytest.mark.parametrize("path", SOPS, ids=IDS)
def test_a_shipped_sop_has_an_overlay_for_each_environment(path: Path) -> None:
    for overlay in OVERLAYS:
        there = path.parents[1] / "overlays" / overlay / "kustomization.yaml"
        assert yaml.safe_load(there.read_text())["namespace"], overlay


@pytest.mark.parametrize("path", SOPS, ids=IDS)
def test_the_patterns_of_a_shipped_sop_compile_within_the_bounds(path: Path) -> None:
    for check in spec_of(path).checks:
        for pattern in patterns(check):
            matcher(pattern, check.name)
        if check.leader is not None and check.leader.logs is not None:
            LeaderLineReader(check.leader.logs, check.leader.names)


@pytest.mark.parametrize("path", SOPS, ids=IDS)
def test_a_section_of_a_shipped_sop_has_its_prose(path: Path) -> None:
    bare = [
        procedure.name
        for procedure in spec_of(path).procedures
        if not (procedure.title and procedure.impact and procedure.summary)
        or not procedure.access_required
    ]

    assert bare == []
