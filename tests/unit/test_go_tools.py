"""Programs are built once for each version of their sources; a stand-in is Go here."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.go_tools import GoTools
from testbed.processes import ServerError

# Each build adds a line to `builds`. Of its arguments it only knows what the tests ask for.
GO = """#!/bin/sh
[ "$1 $2" = "env GOVERSION" ] && exec echo go1.99.0
shift 2
case $1 in
list) echo example.com/several ;;
install)
    echo "$*" >> "$(dirname "$0")/builds"
    printf '#!/bin/sh\\nexec basename "$0"\\n' > "$GOBIN/several"
    chmod +x "$GOBIN/several"
    ;;
esac
"""


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put the stand-in on PATH; what is returned gives the builds so far."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    log = go.parent / "builds"
    return lambda: log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def module(tmp_path: Path) -> Path:
    source = tmp_path / "module" / "several" / "main.go"
    source.parent.mkdir(parents=True)
    source.write_text("package main\n")
    (source.parents[1] / "go.mod").write_text("module example.com\n\ngo 1.26.0\n")
    (source.parents[1] / "go.sum").write_text("")
    return source.parents[1]


def tools(module: Path, *, tags: str = "", ldflags: str = "-s -w") -> GoTools:
    return GoTools(
        name="examples",
        title="examples once, at once",
        module=module,
        programs=("first", "second"),
        ldflags=ldflags,
        tags=tags,
        aliases=(("first", "several"), ("second", "several")),
    )


def test_a_program_of_several_is_called_by_the_name_of_each(
    module: Path, builds: Callable[[], list[str]]
) -> None:
    directory = tools(module).ensure()
    for name in ("first", "second"):
        output = subprocess.run([directory / name], capture_output=True, text=True, check=True)
        assert output.stdout == f"{name}\n"
    assert len(builds()) == 1


def test_what_is_there_is_not_built_again(module: Path, builds: Callable[[], list[str]]) -> None:
    assert tools(module).ensure() == tools(module).ensure()
    assert len(builds()) == 1


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "several/main.go"])
def test_a_changed_file_of_the_module_is_built_anew(
    name: str, module: Path, builds: Callable[[], list[str]]
) -> None:
    before = tools(module).ensure()
    with (module / name).open("a") as file:
        file.write("// changed\n")
    assert tools(module).ensure() != before
    assert len(builds()) == 2


@pytest.mark.parametrize("changed", [{"tags": "other"}, {"ldflags": "-s"}])
def test_other_flags_build_anew(
    changed: dict[str, str], module: Path, builds: Callable[[], list[str]]
) -> None:
    before = tools(module).ensure()
    assert tools(module, **changed).ensure() != before
    assert len(builds()) == 2


def test_a_program_that_was_not_built_is_named(
    module: Path, builds: Callable[[], list[str]]
) -> None:
    incomplete = GoTools("examples", "them once", module, ("several", "third"), "-s -w")
    with pytest.raises(ServerError, match=r"^the build did not make third$"):
        incomplete.ensure()
    assert len(builds()) == 1
    assert not [*(module.parent / "cache" / "servicesop").glob("examples-*")]
