"""`servicesop test`: run the tests of SOPs, without a cluster and without waiting."""

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from servicesop.cli.against import OtherVersionError, ask, compared
from servicesop.cli.options import output_option
from servicesop.cli.record import as_json, record_of
from servicesop.cli.suites import RefusedFile, SuiteError, SuiteFile, find_suites
from servicesop.cli.tested import Report, Tested, as_junit, exit_code, text
from servicesop.cli.versions import Installed, VersionError, cache_directory, find_version
from servicesop.engine.defects import describe
from servicesop.simulate.cases import Case
from servicesop.simulate.story import UnusableError, tell

BAD_INPUT = 2

_FORMATS: dict[str, Callable[[Report, int], str]] = {
    "text": text,
    "junit": as_junit,
    "json": as_json,
}

# How long another version may take: much longer than this one, and some time to start.
_TIMES = 20
_START_SECONDS = 120


class BadInputError(click.ClickException):
    """Nothing was tested; the message says why."""

    exit_code = BAD_INPUT


@click.command(
    epilog="Exit code: 0 all tests passed; 1 a test failed, or too few rows were reached; 2 nothing"
    " was tested: wrong usage, a file that cannot be read, or an SOP that is not valid. With"
    " --against: 0 nothing differs; 1 something does; 2 nothing was compared.",
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
@click.option(
    "--against",
    metavar="VERSION",
    help="Print only what differs between this version and another one: a version, which is"
    " installed with pip into a cache once, a wheel, or a directory that has it installed.",
)
def test(
    paths: tuple[Path, ...], output: str, fail_under: int, observed: bool, against: str | None
) -> None:
    """Run tests of SOPs: what is given over time, and what the operator must make of it.

    No cluster is asked and nobody waits: the tests run on a clock of their own, through the same
    judges, decision tables and guards as in the operator.
    """
    # A test of what goes wrong is no reason for warnings.
    logging.basicConfig(level="ERROR", format="%(message)s")
    logging.getLogger("servicesop").setLevel("ERROR")
    if against is not None and (output != "text" or fail_under or observed):
        raise click.UsageError("--against goes with no other option: it compares, and prints text")
    try:
        files = find_suites(paths)
    except SuiteError as wrong:
        raise BadInputError("\n".join(wrong.faults)) from None
    # What has been read stays to the end: the collector need not go through it again and again.
    gc.freeze()
    if against is not None:
        try:
            version = find_version(against, cache_directory(), _say)
            told, differs = _compare(files, paths, version)
        except (VersionError, OtherVersionError) as unable:
            raise BadInputError(str(unable)) from None
        click.echo(told, nl=False)
        sys.exit(1 if differs else 0)
    if output != "json":
        _demand_all([one for one in files if isinstance(one, RefusedFile)])
    report = asyncio.run(_run(files, observed))
    if output != "json":
        _demand_all(report.refused)
    click.echo(_FORMATS[output](report, fail_under), nl=False)
    sys.exit(exit_code(report, fail_under))


def _demand_all(refused: Sequence[RefusedFile]) -> None:
    """Test nothing where something cannot be tested: it would be overlooked."""
    if refused:
        raise BadInputError("\n".join(fault for one in refused for fault in one.faults))


def _compare(
    files: Sequence[SuiteFile | RefusedFile], paths: Sequence[Path], version: Installed
) -> tuple[str, bool]:
    """Say what differs under another version, and whether anything does."""
    report = asyncio.run(_run(files, observed=False))
    other = ask(version, paths, _START_SECONDS + _TIMES * report.seconds)
    return compared(record_of(report), other, version)


async def _run(files: Sequence[SuiteFile | RefusedFile], observed: bool) -> Report:
    began = time.monotonic()
    results: list[Tested] = []
    refused: list[RefusedFile] = []
    for file in files:
        if isinstance(file, RefusedFile):
            refused.append(file)
            continue
        try:
            results += [await _tested(file, case) for case in file.suite.tests]
        except UnusableError as wrong:
            refused.append(RefusedFile(file.path, (f"{file.path}: {wrong}",)))
    return Report(tuple(results), tuple(refused), time.monotonic() - began, observed)


async def _tested(file: SuiteFile, case: Case) -> Tested:
    start = time.monotonic()
    told = await tell(file.subject, case, file.suite.start, _defect)
    return Tested(file, told, time.monotonic() - start)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _defect(defect: Exception) -> None:
    click.echo(f"defect of servicesop: {describe(defect)}", err=True)
