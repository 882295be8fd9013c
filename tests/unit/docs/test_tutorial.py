"""docs/tutorial.md is true: its files and commands, in order, in an empty directory."""

from pathlib import Path

import pytest

from readme.blocks import Use, blocks_of
from readme.markdown import DOCS
from readme.output import differing_line
from readme.session import NotAsShownError, Session, commands_of

TUTORIAL = (DOCS / "tutorial.md").read_text()
# What a newcomer's machine has beside the package: a shell with its tools, and git.
PATH = "/usr/bin:/bin"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    return Session(tmp_path / "work", tmp_path / "home", PATH)


def test_the_part_without_a_cluster_prints_what_it_shows(session: Session) -> None:
    for block in blocks_of(TUTORIAL):
        session.follow(block, {Use.SESSION})


def test_all_that_it_shows_is_followed_but_the_installation() -> None:
    blocks = blocks_of(TUTORIAL)

    assert {block.use for block in blocks} == {
        Use.NOT_RUN,
        Use.FILE,
        Use.DIFF,
        Use.SESSION,
        Use.CLUSTER_SESSION,
    }
    assert [block.text.count("pip install") for block in blocks if block.use is Use.NOT_RUN] == [1]
    typed = " ".join(
        command
        for block in blocks
        if block.use in (Use.SESSION, Use.CLUSTER_SESSION)
        for command, _ in commands_of(block)
    )
    for command in ("new", "schema", "lint", "explain", "test", "render", "check"):
        assert f"servicesop {command} " in typed


@pytest.mark.parametrize(
    "text",
    [
        "$ echo one\ntwo\n",
        "$ echo one\n",
        "$ echo one\none\ntwo\n",
        "$ echo one\none\n$ false\n",
        "$ no-such-program\n",
    ],
    ids=["another line", "no line", "a line more", "a failure", "what is not installed"],
)
def test_a_page_that_is_not_true_is_found(session: Session, text: str) -> None:
    (block,) = blocks_of(f"<!-- readme: session -->\n```console\n{text}```\n")

    with pytest.raises(NotAsShownError, match="line 2: "):
        session.follow(block, {Use.SESSION})


def test_a_change_that_does_not_fit_is_found(session: Session) -> None:
    first, second = blocks_of(
        "<!-- readme: file a/b.txt -->\n```text\none\n```\n"
        "<!-- readme: diff -->\n```diff\n"
        "--- a/a/b.txt\n+++ b/a/b.txt\n@@ -1 +1 @@\n-two\n+three\n```\n"
    )
    session.follow(first, ())

    with pytest.raises(NotAsShownError, match="patch does not apply"):
        session.follow(second, ())


def test_lines_that_are_left_out_and_times_do_not_count() -> None:
    assert differing_line("a\n[...]\nd in 0.1s\n", "a\nb\nc\nd in 20.3s\n") is None
    assert differing_line("a\n[...]\n", "a\nb\nc\n") is None
    assert differing_line("a\n[...]\nc\n", "a\nb\nc\nd\n") == "d"
