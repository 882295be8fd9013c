"""The script that follows the README runs its blocks as on a fresh machine, and can fail."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from readme.__main__ import FailedError, Reader
from readme.blocks import Block, Use, blocks_of
from testbed import Run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository whose README has an uncommitted change."""
    repository = tmp_path / "source"
    repository.mkdir()
    readme = repository / "README.md"
    readme.write_text("<!-- readme: run -->\n```shell\necho committed\n```\n")
    for command in (
        ["init", "--quiet"],
        ["add", "README.md"],
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "one"],
    ):
        subprocess.run(["git", "-C", repository, *command], check=True)
    readme.write_text("changed")
    return repository


@pytest.fixture
def reader(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", "/somewhere")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.com")
    with Run() as run:
        yield Reader(run, source)


def block(text: str, use: Use = Use.RUN) -> Block:
    return Block(1, "shell", text, use)


def test_the_committed_readme_is_followed(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = blocks_of(reader.clone())
    reader.follow(found)

    assert "\ncommitted\n" in capsys.readouterr().out


def test_nothing_of_the_user_but_the_way_to_registries_reaches_a_block(
    reader: Reader, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.clone()
    reader.follow(
        block('echo "$PWD|$(ls -A ~)|${KUBEBUILDER_ASSETS-}|${PYTEST_ADDOPTS-}|$PIP_INDEX_URL"\n')
    )

    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.endswith("|https://index.example.com")]
    directory, *values = line.split("|")
    assert directory != str(source)
    assert values == ["", "", "", "https://index.example.com"]


def test_a_command_that_fails_ends_its_block_and_is_named(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.clone()

    with pytest.raises(FailedError, match="line 1: ended with code 3"):
        reader.follow(block("(exit 3)\necho later\n"))
    assert "\nlater\n" not in capsys.readouterr().out


def test_output_that_the_blocks_did_not_print_is_refused(reader: Reader) -> None:
    reader.clone()
    reader.follow(block("echo it took 3 s\n"))
    reader.follow(block("it took 12 s\n", Use.OUTPUT))

    with pytest.raises(FailedError, match="did not print there: it took long"):
        reader.follow(block("it took long\n", Use.OUTPUT))


def test_a_test_run_can_be_limited_to_collecting(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Run() as run:
        reader = Reader(run, source, only_collect=True)
        reader.clone()
        reader.follow(block('echo "$PYTEST_ADDOPTS"\n'))

    assert "\n--collect-only -q\n" in capsys.readouterr().out
