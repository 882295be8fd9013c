"""Another program is bounded in time and output, and ended with all that it has started."""

import os
from pathlib import Path

import pytest

from polling import eventually
from servicesop.cli import programs
from servicesop.cli.programs import TooLongError, TooMuchError, run


def test_what_a_program_writes_is_kept_apart() -> None:
    ended = run(("sh", "-c", "echo out; echo one >&2; echo two >&2; exit 3"), 60)

    assert (ended.code, ended.output, ended.last_words(1)) == (3, b"out\n", "two")


def test_a_program_that_says_nothing_is_told_by_its_code() -> None:
    assert run(("sh", "-c", "exit 3"), 60).last_words(1) == "it ended with exit code 3"


def test_a_program_that_writes_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_OUTPUT", 1_000_000)

    with pytest.raises(TooMuchError):
        run(("yes",), 60)


def test_only_the_end_of_what_it_complains_of_is_kept() -> None:
    ended = run(("sh", "-c", "yes | head -c 1000000 >&2; echo last >&2"), 60)

    assert (len(ended.errors), ended.last_words(1)) == (16 * 1024, "last")


@pytest.mark.parametrize("last", ["wait", "exit"], ids=["takes too long", "ends before"])
def test_what_it_has_started_is_ended_with_it(tmp_path: Path, last: str) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reading = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        command = ("sh", "-c", f"exec 3>{held}; echo started >&3; sleep 600 & {last}")
        if last == "wait":
            with pytest.raises(TooLongError):
                run(command, 0.5)
        else:
            run(command, 60)
        assert os.read(reading, 100) == b"started\n"
        # The end of the file: nobody has it open for writing any more.
        eventually(lambda: _read(reading) == b"", "it is ended")
    finally:
        os.close(reading)


def _read(reading: int) -> bytes | None:
    try:
        return os.read(reading, 100)
    except BlockingIOError:
        return None
