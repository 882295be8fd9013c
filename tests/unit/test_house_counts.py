import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PASSES = "def test_a():\n    pass\n"


def run(directory: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "conftest.py").write_text("from counted import register as pytest_configure\n")
    (directory / "test_some.py").write_text(f"import pytest\n{source}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", *arguments],
        cwd=directory,
        # To load all plugins would take most of the time.
        env={**os.environ, "PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


IN_ONE_PROCESS = pytest.param((), id="one process")
WORKERS = ("-p", "xdist.plugin", "-n", "2")
IN_WORKERS = pytest.param(WORKERS, id="workers")


def test_this_session_is_counted(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.has_plugin("count")


@pytest.mark.parametrize("processes", [IN_ONE_PROCESS, IN_WORKERS])
@pytest.mark.parametrize(
    ("source", "arguments", "line"),
    [
        ("@pytest.mark.skip\ndef test_b(): pass\n", (), "collected 2: 1 passed, 1 skipped;"),
        ("def test_b(): pytest.skip()\n", (), "collected 2: 1 passed, 1 skipped;"),
        ("@pytest.mark.xfail\ndef test_b(): assert 0\n", (), "collected 2: 1 passed, 1 xfail;"),
        ("@pytest.mark.xfail\ndef test_b(): pass\n", (), "collected 2: 1 passed, 1 xfail;"),
        (
            "def test_b(): pass\n",
            ("--deselect=test_some.py::test_b",),
            "collected 2: 1 passed, 1 deselected;",
        ),
        ("pytest.skip(allow_module_level=True)\n", (), "collected 0: 1 modules skipped;"),
    ],
    ids=["mark-skip", "skip", "xfail", "xpass", "deselect", "module"],
)
def test_a_session_that_leaves_a_test_out_fails_and_says_so(
    tmp_path: Path,
    source: str,
    arguments: tuple[str, ...],
    line: str,
    processes: tuple[str, ...],
) -> None:
    session = run(tmp_path, PASSES + source, *arguments, *processes)

    assert session.returncode != 0
    assert line in session.stdout


@pytest.mark.parametrize("processes", [IN_ONE_PROCESS, IN_WORKERS])
def test_a_session_of_passing_tests_says_how_many(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    session = run(tmp_path, PASSES, *processes)

    assert session.returncode == 0
    assert "collected 1: 1 passed\n" in session.stdout


@pytest.mark.parametrize("processes", [IN_ONE_PROCESS, IN_WORKERS])
def test_tests_that_the_caller_deselects_by_keyword_are_not_missed(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    session = run(tmp_path, PASSES + "def test_b(): pass\n", "-k", "test_b", *processes)

    assert session.returncode == 0
    assert "collected 1: 1 passed\n" in session.stdout


def test_a_worker_that_dies_fails_the_session(tmp_path: Path) -> None:
    session = run(tmp_path, PASSES + "def test_b(): __import__('os')._exit(0)\n", *WORKERS)

    assert session.returncode != 0
    assert "every collected test has to pass" in session.stdout
