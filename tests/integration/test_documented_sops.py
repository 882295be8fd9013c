"""What the documents show is accepted by the real API server."""

import re

import pytest

from readme.markdown import DOCS, ROOT
from servicesop.api.checks.check import CHECK_TYPES
from testbed import ControlPlane, KubectlError
from testbed.operator import install

NAMESPACE = "managed-services-stage"


@pytest.fixture
def cluster(control_plane: ControlPlane) -> ControlPlane:
    install(control_plane)
    return control_plane


def guide() -> str:
    """The pieces of docs/sop.md, which are the spec of an SOP."""
    pieces = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "sop.md").read_text(), re.M | re.S)
    head = "apiVersion: servicesop.io/v1alpha1\nkind: ServiceSOP\nmetadata: {name: guide}\n"
    return head + "".join(pieces)


def readme() -> str:
    (sop,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    return str(sop)


def page(kind: str) -> str:
    text = (DOCS / "checks" / f"{kind}.md").read_text()
    (sop,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    return str(sop)


@pytest.mark.parametrize(
    "text",
    [guide(), readme(), *map(page, CHECK_TYPES)],
    ids=["sop.md", "README.md", *CHECK_TYPES],
)
def test_a_documented_sop_is_accepted(cluster: ControlPlane, text: str) -> None:
    answer = cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=text)

    assert "created (server dry run)" in answer


def test_a_documented_sop_with_a_wrong_name_is_refused(cluster: ControlPlane) -> None:
    wrong = readme().replace("checks: [replicas-ready]", "checks: [replicas-are-ready]")

    with pytest.raises(KubectlError, match=r"must be the name of one of spec\.checks"):
        cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=wrong)


def test_the_example_of_a_team_is_accepted(cluster: ControlPlane) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "-f", "-", input=str(namespace).replace("'", '"'))

    answer = cluster.kubectl("apply", "--dry-run=server", "-k", str(DOCS / "example"))

    assert "servicesop.servicesop.io/kas-fleet-manager created (server dry run)" in answer
    assert answer.count("rolebinding.rbac.authorization.k8s.io/servicesop-runner") == 3
