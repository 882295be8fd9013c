"""`servicesop test`: run the tests of SOPs, without a cluster and without waiting."""

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from servicesop.cli.options import output_option
from servicesop.cli.suites import SuiteError, SuiteFile, find_suites
from servicesop.cli.tested import Report, Tested, as_junit, exit_code, text
from servicesop.engine.defects import describe
from servicesop.simulate.story import UnusableError, tell

BAD_INPUT = 2

_FORMATS: dict[str, Callable[[Report, int], str]] = {"text": text, "junit": as_junit}


class BadInputError(click.ClickException):
    """Nothing was tested; the message says why."""

    exit_code = BAD_INPUT


@click.command(
    epilog="Exit code: 0 all tests passed; 1 a test failed, or too few rows were reached; 2 nothing"
    " was tested: wrong usage, a file that cannot be read, or an SOP that is not valid.",
)
@click.argument(
    "paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@output_option(_FORMATS, "the results")
@click.option(
    "--fail-under",
    type=click.IntRange(0, 100),
    default=0,
    metavar="PERCENT",
    help="Fail if fewer of the rows of the decision tables are reached by the tests.",
)
@click.option(
    "--observed",
    is_flag=True,
    help="Let rows count only where observations reach them, not plain results.",
)
def test(paths: tuple[Path, ...], output: str, fail_under: int, observed: bool) -> None:
    """Run tests of SOPs: what is given over time, and what the operator must make of it.

    No cluster is asked and nobody waits: the tests run on a clock of their own, through the same
    judges, decision tables and guards as in the operator.
    """
    # A test of what goes wrong is no reason for warnings.
    logging.basicConfig(level="ERROR", format="%(message)s")
    logging.getLogger("servicesop").setLevel("ERROR")
    try:
        suites = find_suites(paths)
    except SuiteError as wrong:
        raise BadInputError("\n".join(wrong.faults)) from None
    # What has been read stays to the end: the collector need not go through it again and again.
    gc.freeze()
    report = asyncio.run(_run(suites, observed))
    click.echo(_FORMATS[output](report, fail_under), nl=False)
    sys.exit(exit_code(report, fail_under))


async def _run(suites: Sequence[SuiteFile], observed: bool) -> Report:
    began = time.monotonic()
    results = []
    for file in suites:
        for case in file.suite.tests:
            start = time.monotonic()
            try:
                told = await tell(file.subject, case, file.suite.start, _defect)
            except UnusableError as wrong:
                raise BadInputError(f"{file.path}: {wrong}") from None
            results.append(Tested(file, told, time.monotonic() - start))
    return Report(tuple(results), time.monotonic() - began, observed)


def _defect(defect: Exception) -> None:
    click.echo(f"defect of servicesop: {describe(defect)}", err=True)
