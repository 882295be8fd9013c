"""What a person's terminal shows while checks run."""

import io

from servicesop.cli.progress import Progress


def test_the_line_says_what_is_still_waited_for() -> None:
    progress = Progress(["a", "b", "b"])
    progress.done("b")

    assert progress.line(3.6) == "1 of 3 checks, 4s; waiting for a, b"


def test_the_line_fits_into_a_terminal() -> None:
    line = Progress(["a-rather-long-name"] * 64).line(600)

    assert len(line) == 79
    assert line.endswith("...")


async def test_what_is_no_terminal_is_told_nothing() -> None:
    stream = io.StringIO()
    async with Progress(["a"]).shown(stream):
        pass

    assert stream.getvalue() == ""
