import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.account import Account
from testbed import ControlPlane, KubectlError

ROOT = Path(__file__).parents[2]
OPERATOR = ("servicesop-system", "servicesop")
TEAM = "install-team"
RUNNER = f"system:serviceaccount:{TEAM}:servicesop-runner"
READ = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete"}
DEADLINE_SECONDS = 30.0

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "namespace": TEAM, "labels": {"app": "shop"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}, "annotations": {"team": "one"}},
            "spec": {"containers": [{"name": "service", "image": "shop:1"}]},
        },
    },
}


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane) -> Account:
    control_plane.kubectl("apply", "--kustomize", str(ROOT / "manifests" / "install"))
    return Account(control_plane, control_plane.service_account_kubeconfig(*OPERATOR))


def apply_runner(control_plane: ControlPlane, directory: Path, namespace: str) -> None:
    """Install a runner as a team does: a kustomization with its namespace and its names."""
    runner = os.path.relpath(ROOT / "manifests" / "runner", directory)
    names = {"secrets": "shop-readonly", "remediator": "shop", "config": "shop"}
    kustomization = {
        "namespace": namespace,
        "resources": [runner],
        "components": [f"{runner}/{component}" for component in (*names, "objects", "evictor")],
        "patches": [
            {
                "target": {"kind": "Role", "name": f"servicesop-runner-{component}"},
                "patch": json.dumps(
                    [{"op": "replace", "path": "/rules/0/resourceNames", "value": [name]}]
                ),
            }
            for component, name in names.items()
        ],
    }
    (directory / "kustomization.yaml").write_text(json.dumps(kustomization))
    control_plane.kubectl("apply", "--kustomize", str(directory))


@pytest.fixture(scope="module")
def runner(operator: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    control_plane = operator.control_plane
    control_plane.kubectl("create", "namespace", TEAM)
    apply_runner(control_plane, tmp_path_factory.mktemp("runner").resolve(), TEAM)
    yield Account(control_plane, operator.kubeconfig, RUNNER)
    control_plane.kubectl("delete", "namespace", TEAM, "--wait=false")


@pytest.fixture(scope="module")
def reckless_runner(runner: Account) -> Account:
    """A runner that its namespace has given every right: what is refused, the policy refuses."""
    runner.control_plane.kubectl(
        "create",
        "rolebinding",
        "reckless",
        "--clusterrole=cluster-admin",
        f"--serviceaccount={TEAM}:servicesop-runner",
        f"--namespace={TEAM}",
    )
    # The server learns of a new policy from its own watch.
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            runner.kubectl(
                "create", "configmap", "probe", f"--namespace={TEAM}", "--dry-run=server"
            )
        except KubectlError as error:
            if "ValidatingAdmissionPolicy 'servicesop-runner'" in str(error):
                return runner
        assert time.monotonic() < deadline, "the policy never became active"
        time.sleep(0.1)


@pytest.fixture
def deployment(reckless_runner: Account) -> dict[str, Any]:
    control_plane = reckless_runner.control_plane
    control_plane.kubectl(
        "delete", "deployment", "shop", f"--namespace={TEAM}", "--ignore-not-found"
    )
    answer = control_plane.kubectl(
        "create", "--filename=-", "--output=json", input=json.dumps(DEPLOYMENT)
    )
    created: dict[str, Any] = json.loads(answer)
    return created


def test_the_operators_pod_is_accepted_in_its_restricted_namespace(operator: Account) -> None:
    operator.control_plane.kubectl(
        "rollout",
        "status",
        "deployment/servicesop",
        "--namespace=servicesop-system",
        f"--timeout={DEADLINE_SECONDS:.0f}s",
    )


def test_the_operator_has_these_rights_in_other_namespaces_and_no_more(operator: Account) -> None:
    assert operator.rights("default") == {
        ("servicesop.io", "servicesops", ""): READ,
        ("servicesop.io", "servicesops/status", ""): {"get", "patch"},
        ("apps", "deployments", ""): READ,
        ("apps", "replicasets", ""): READ,
        ("apps", "statefulsets", ""): READ,
        ("autoscaling", "horizontalpodautoscalers", ""): READ,
        ("policy", "poddisruptionbudgets", ""): READ,
        ("networking.k8s.io", "networkpolicies", ""): READ,
        ("", "namespaces", ""): READ,
        ("", "pods", ""): READ,
        ("", "services", ""): {"get"},
        ("", "events", ""): READ | {"create", "patch"},
        ("events.k8s.io", "events", ""): READ | {"create", "patch"},
        ("", "serviceaccounts", "servicesop-runner"): {"get", "impersonate"},
    }


def test_in_its_own_namespace_it_may_also_keep_its_records(operator: Account) -> None:
    elsewhere = operator.rights("default")
    own = operator.rights("servicesop-system")

    assert {key: verbs for key, verbs in own.items() if elsewhere.get(key) != verbs} == {
        ("", "configmaps", ""): READ | WRITE,
        ("coordination.k8s.io", "leases", ""): READ | WRITE,
    }


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace", "name"),
    [
        ("list", "servicesop.io", "servicesops", "", ""),
        ("watch", "servicesop.io", "servicesops", "", ""),
        ("patch", "servicesop.io", "servicesops/status", "default", "shop"),
        ("watch", "apps", "deployments", "", ""),
        ("watch", "", "pods", "", ""),
        ("create", "events.k8s.io", "events", "default", ""),
        ("get", "", "serviceaccounts", "default", "servicesop-runner"),
        ("impersonate", "", "serviceaccounts", "default", "servicesop-runner"),
        ("update", "", "configmaps", "servicesop-system", "record"),
        ("update", "coordination.k8s.io", "leases", "servicesop-system", "shard-0"),
    ],
)
def test_the_operator_may(
    operator: Account, verb: str, group: str, resource: str, namespace: str, name: str
) -> None:
    assert operator.can(verb, group, resource, namespace, name)


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace", "name"),
    [
        ("get", "", "secrets", "default", "shop"),
        ("list", "", "secrets", "servicesop-system", ""),
        ("get", "", "pods/log", "default", "shop"),
        ("create", "", "pods/exec", "default", "shop"),
        ("create", "", "pods/eviction", "default", "shop"),
        ("delete", "", "pods", "default", "shop"),
        ("patch", "apps", "deployments", "default", "shop"),
        ("update", "apps", "deployments", "default", "shop"),
        ("update", "apps", "deployments/scale", "default", "shop"),
        ("patch", "apps", "statefulsets", "default", "shop"),
        ("get", "", "configmaps", "default", "shop"),
        ("create", "", "configmaps", "default", ""),
        ("update", "coordination.k8s.io", "leases", "kube-system", "shop"),
        ("patch", "servicesop.io", "servicesops", "default", "shop"),
        ("update", "servicesop.io", "servicesops/finalizers", "default", "shop"),
        ("get", "", "serviceaccounts", "default", "default"),
        ("list", "", "serviceaccounts", "default", ""),
        ("create", "", "serviceaccounts/token", "default", "servicesop-runner"),
        ("impersonate", "", "serviceaccounts", "default", "default"),
        ("impersonate", "", "serviceaccounts", "default", ""),
        ("impersonate", "", "users", "", "admin"),
        ("impersonate", "", "groups", "", "system:masters"),
        ("get", "", "nodes", "", "node-0"),
        ("patch", "", "namespaces", "", "default"),
        ("escalate", "rbac.authorization.k8s.io", "roles", "default", "shop"),
        ("bind", "rbac.authorization.k8s.io", "clusterroles", "", "cluster-admin"),
        ("*", "*", "*", "", ""),
    ],
)
def test_the_operator_may_not(
    operator: Account, verb: str, group: str, resource: str, namespace: str, name: str
) -> None:
    assert not operator.can(verb, group, resource, namespace, name)


def test_it_becomes_the_runner_by_its_name_alone(runner: Account) -> None:
    who = json.loads(runner.kubectl("auth", "whoami", "--output=json"))["status"]["userInfo"]

    assert who["username"] == RUNNER
    assert set(who["groups"]) == {
        "system:serviceaccounts",
        f"system:serviceaccounts:{TEAM}",
        "system:authenticated",
    }


@pytest.mark.parametrize(
    "other",
    ["system:serviceaccount:kube-system:default", f"system:serviceaccount:{TEAM}:default", "admin"],
)
def test_it_becomes_nobody_else(operator: Account, other: str) -> None:
    with pytest.raises(KubectlError, match="cannot impersonate"):
        Account(operator.control_plane, operator.kubeconfig, other).kubectl("get", "pods")


def test_a_runner_with_all_components_has_these_rights_and_no_more(
    operator: Account, tmp_path: Path
) -> None:
    namespace = "install-rights"
    operator.control_plane.kubectl("create", "namespace", namespace)
    apply_runner(operator.control_plane, tmp_path.resolve(), namespace)
    name = f"system:serviceaccount:{namespace}:servicesop-runner"
    runner = Account(operator.control_plane, operator.kubeconfig, name)

    assert runner.rights(namespace) == {
        ("", "pods/log", ""): {"get"},
        ("coordination.k8s.io", "leases", ""): {"get"},
        ("", "secrets", "shop-readonly"): {"get"},
        ("apps", "deployments", "shop"): {"get", "patch"},
        ("", "persistentvolumeclaims", ""): {"get", "list"},
        ("apps", "statefulsets", "shop"): {"get"},
        ("", "configmaps", "name-of-the-config-map"): {"get"},
        ("batch", "jobs", ""): {"get", "list"},
        ("cert-manager.io", "certificates", ""): {"get", "list"},
        ("networking.k8s.io", "networkpolicies", ""): {"list"},
        ("", "pods", ""): {"list"},
        ("", "pods/eviction", ""): {"create"},
        ("", "namespaces", ""): {"get"},
        ("kafka.strimzi.io", "kafkas", ""): {"get", "list"},
    }
    assert runner.rights("default") == {}
    operator.control_plane.kubectl("delete", "namespace", namespace, "--wait=false")


ACTION = {"op": "add", "path": "/spec/template/metadata/annotations/servicesop.io~1action"}


@pytest.mark.parametrize(
    "change",
    [
        {**ACTION, "value": "one"},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "replace", "path": "/spec/replicas", "value": 1},
    ],
    ids=["action", "one-up", "one-down"],
)
@pytest.mark.usefixtures("deployment")
def test_the_policy_lets_a_runner_do_what_actions_do(
    reckless_runner: Account, change: dict[str, object]
) -> None:
    reckless_runner.kubectl(
        "patch", "deployment", "shop", f"--namespace={TEAM}", "--type=json",
        f"--patch={json.dumps([change])}",
    )  # fmt: skip


@pytest.mark.usefixtures("deployment")
def test_the_policy_lets_a_runner_put_the_first_annotation_there_and_change_it(
    reckless_runner: Account,
) -> None:
    patch = ["patch", "deployment", "shop", f"--namespace={TEAM}", "--type=json"]
    reckless_runner.control_plane.kubectl(
        *patch, '--patch=[{"op": "remove", "path": "/spec/template/metadata/annotations"}]'
    )
    first = {
        "op": "add",
        "path": "/spec/template/metadata/annotations",
        "value": {"servicesop.io/action": "one"},
    }
    reckless_runner.kubectl(*patch, f"--patch={json.dumps([first])}")
    reckless_runner.kubectl(*patch, f"--patch={json.dumps([{**ACTION, 'value': 'two'}])}")

    stored = json.loads(
        reckless_runner.control_plane.kubectl(
            "get", "deployment", "shop", f"--namespace={TEAM}", "--output=json"
        )
    )
    assert stored["spec"]["template"]["metadata"]["annotations"] == {"servicesop.io/action": "two"}


TEMPLATE = "/spec/template"
POD = "servicesop-runner may not change the pods of a Deployment"
SPEC = (
    "servicesop-runner may change nothing in a Deployment's spec but replicas and the pod"
    " template's servicesop.io/* annotations"
)
OWN = "servicesop-runner may not change a Deployment's own labels, annotations or other metadata"
REPLICAS = "servicesop-runner may change the number of replicas by one only"
LABELS = "servicesop-runner may not change the pod template's labels or other metadata"
ANNOTATIONS = "servicesop-runner may change no annotation of the pod template but servicesop.io/*"


REFUSED = (
    ("replace", f"{TEMPLATE}/spec/containers/0/image", "shop:2", POD),
    ("add", f"{TEMPLATE}/spec/containers/0/args", ["--x"], POD),
    ("add", f"{TEMPLATE}/spec/serviceAccountName", "admin", POD),
    ("replace", "/spec/replicas", 4, REPLICAS),
    ("replace", "/spec/replicas", 0, REPLICAS),
    ("add", "/spec/paused", True, SPEC),
    ("replace", "/spec/strategy", {"type": "Recreate"}, SPEC),
    ("add", "/spec/minReadySeconds", 5, SPEC),
    ("add", "/metadata/labels/new", "x", OWN),
    ("remove", "/metadata/labels/app", None, OWN),
    ("add", "/metadata/annotations", {"servicesop.io/pause": "x"}, OWN),
    ("add", "/metadata/finalizers", ["example.com/x"], OWN),
    ("add", f"{TEMPLATE}/metadata/labels/new", "x", LABELS),
    ("add", f"{TEMPLATE}/metadata/annotations/other", "x", ANNOTATIONS),
    ("add", f"{TEMPLATE}/metadata/annotations/servicesop.iox", "x", ANNOTATIONS),
    ("replace", f"{TEMPLATE}/metadata/annotations/team", "two", ANNOTATIONS),
    ("remove", f"{TEMPLATE}/metadata/annotations/team", None, ANNOTATIONS),
    ("remove", f"{TEMPLATE}/metadata/annotations", None, ANNOTATIONS),
)


@pytest.mark.parametrize(
    ("operation", "path", "value", "message"),
    REFUSED,
    ids=[f"{operation} {path}" for operation, path, _, _ in REFUSED],
)
@pytest.mark.usefixtures("deployment")
def test_the_policy_refuses_any_other_change_of_a_deployment(
    reckless_runner: Account, operation: str, path: str, value: object, message: str
) -> None:
    change = {"op": operation, "path": path, "value": value}

    with pytest.raises(KubectlError) as refusal:
        reckless_runner.kubectl(
            "patch", "deployment", "shop", f"--namespace={TEAM}", "--type=json",
            f"--patch={json.dumps([change])}",
        )  # fmt: skip
    assert str(refusal.value).endswith(f"denied request: {message}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "configmap", "new"),
        ("create", "deployment", "new", "--image=shop:1"),
        ("delete", "deployment", "shop"),
        ("scale", "deployment", "shop", "--replicas=3"),
        ("create", "token", "default"),
        ("delete", "rolebinding", "reckless"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
@pytest.mark.usefixtures("deployment")
def test_the_policy_refuses_every_other_write(
    reckless_runner: Account, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(KubectlError) as refusal:
        reckless_runner.kubectl(*arguments, f"--namespace={TEAM}")
    assert "servicesop-runner may change nothing but Deployments" in str(refusal.value)


@pytest.mark.usefixtures("deployment")
def test_the_policy_concerns_nobody_else(operator: Account) -> None:
    operator.control_plane.kubectl(
        "set", "image", "deployment/shop", "service=shop:2", f"--namespace={TEAM}"
    )
