"""`python -m mutation DIR...`: see --help."""

import sys
from pathlib import Path

import click

from mutation import equivalents
from mutation.pool import FailingError, try_mutants
from servicesop.cli.suites import SuiteError


@click.command(
    epilog="Exit code: 0 each mutant fails a test or is listed as equivalent; 1 one survived, or"
    " the list is not true; 2 nothing was tried: a test fails on the SOP as it is, or cannot be"
    " read.",
)
@click.argument(
    "directories",
    metavar="DIR...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
def main(directories: tuple[Path, ...]) -> None:
    """Change SOPs, one thing at a time, and see that each change fails one of the SOP's own tests.

    Each DIR is that of one SOP and its tests.
    """
    passed = True
    for directory in directories:
        try:
            report = try_mutants(directory, equivalents.read(equivalents.FILE), click.echo)
        except FailingError as failing:
            click.echo(str(failing), err=True)
            sys.exit(2)
        except SuiteError as wrong:
            click.echo("\n".join(wrong.faults), err=True)
            sys.exit(2)
        click.echo("\n".join(report.lines()))
        passed = passed and report.passed
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
