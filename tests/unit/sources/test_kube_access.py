"""Which kubeconfig, context and namespace a person's command uses: those that kubectl would."""

from pathlib import Path

import pytest
import yaml

from servicesop.sources.kubernetes.access import Access, AccessError
from servicesop.sources.kubernetes.client import KubeClient, UserClient


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def config(path: Path, current: str | None, **namespaces: str | None) -> Path:
    """Write a kubeconfig with a context, and a cluster of its own, per namespace."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contexts = [
        {
            "name": name,
            "context": {"cluster": name, "user": "me"}
            | ({"namespace": namespace} if namespace else {}),
        }
        for name, namespace in namespaces.items()
    ]
    clusters = [
        {"name": name, "cluster": {"server": f"https://{name}.example.com"}} for name in namespaces
    ]
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": contexts,
        "clusters": clusters,
        "users": [{"name": "me", "user": {"token": "canary-token"}}],
    } | ({"current-context": current} if current else {})
    path.write_text(yaml.safe_dump(whole))
    return path


async def found(kubeconfig: Path | None = None, context: str | None = None) -> tuple[str, object]:
    access = await Access.of_person(kubeconfig, context)
    return access.host.removeprefix("https://").partition(".")[0], access.namespace


async def test_the_current_context_of_the_usual_file(home: Path) -> None:
    config(home / ".kube" / "config", "stage", prod="p", stage="s")

    assert await found() == ("stage", "s")


async def test_the_context_and_the_file_that_are_asked_for(home: Path) -> None:
    config(home / ".kube" / "config", "stage", stage="s")
    other = config(home / "other", "one", one=None, two="t")

    assert await found(other) == ("one", None)
    assert await found(other, "two") == ("two", "t")


async def test_the_first_current_context_of_several_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        home / "missing",
        config(home / "a", None, one="1"),
        config(home / "b", "two", two="2"),
        config(home / "c", "three", three="3"),
    ]
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))

    assert await found() == ("two", "2")
    assert await found(context="one") == ("one", "1")


async def test_what_cannot_be_used_is_said_in_a_sentence_without_its_content(home: Path) -> None:
    with pytest.raises(AccessError, match=r"there is no kubeconfig .*/\.kube/config; give one"):
        await Access.of_person(None, None)
    with pytest.raises(AccessError, match="there is no kubeconfig file"):
        await Access.of_person(home / "none", None)
    some = config(home / "some", "one", one=None)
    with pytest.raises(AccessError, match='needs the context "two"'):
        await Access.of_person(some, "two")
    for text in ("- canary\n", "canary: [", "\x00canary"):
        some.write_text(text)
        with pytest.raises(AccessError, match="needs a current-context") as raised:
            await Access.of_person(some, None)
        assert "canary" not in str(raised.value)


async def test_a_person_asks_as_herself_where_the_operator_asks_as_the_runner(home: Path) -> None:
    access = await Access.of_person(config(home / "c", "one", one=None), None)
    async with KubeClient(access) as operator, UserClient(access) as person:
        assert operator.as_runner("ns")._headers == {
            "Impersonate-User": "system:serviceaccount:ns:servicesop-runner"
        }
        assert person.as_runner("ns")._headers == {}
        with pytest.raises(ValueError, match="only inside that namespace"):
            await person.as_runner("ns").get("/api/v1/namespaces/other/secrets/x")
