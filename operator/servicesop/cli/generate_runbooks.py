"""`python -m servicesop.cli.generate_runbooks [--check]`: write the RUNBOOK.md of the shipped SOPs.

Each is the page of the service's base. Run in the root of the repository. `--check` writes nothing
and fails when a file is stale.
"""

from pathlib import Path

import click

from servicesop.cli.files import UnreadableError
from servicesop.cli.generated import bring_up_to_date
from servicesop.cli.sops import documents_of
from servicesop.render.page import Sop, runbook

SOPS = Path("manifests/sops")
_COMMAND = "servicesop.cli.generate_runbooks"
_NOTICE = f"<!-- Generated from base/servicesop.yaml by `python -m {_COMMAND}`; do not edit. -->"


def files(directory: Path) -> dict[Path, str]:
    """Give the text that each page should have. Raise UnreadableError for an SOP that is wrong."""
    return {base.parents[1] / "RUNBOOK.md": _page(base) for base in _bases(directory)}


def _bases(directory: Path) -> list[Path]:
    return sorted(directory.glob("*/base/servicesop.yaml"))


def _page(base: Path) -> str:
    return "\n".join(
        runbook(Sop(one.name, one.namespace, one.spec), notice=_NOTICE)
        for one in documents_of(str(base))
    )


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not up to date.")
def main(check: bool) -> None:
    """Write manifests/sops/*/RUNBOOK.md."""
    try:
        texts = files(SOPS)
    except UnreadableError as wrong:
        raise click.ClickException(str(wrong)) from None
    bring_up_to_date(texts, check=check, command=_COMMAND)


if __name__ == "__main__":
    main()
