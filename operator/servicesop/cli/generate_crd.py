"""`python -m servicesop.cli.generate_crd [--check]`: write `crds/` from the models, or compare it.

Run in the root of the repository. `released/<version>.yaml` is written for the current version
only, so that raising the version freezes what the one before it had.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import click

from servicesop.api.crd import CRD_NAME, crd_text
from servicesop.cli.schema import schema_text


def files(released: str) -> dict[str, str]:
    """Give the contents of `crds/` by path, for the version that is being released."""
    text = crd_text()
    return {
        f"{CRD_NAME}.yaml": text,
        "kustomize-schema.json": schema_text("kustomize"),
        "servicesop.schema.json": schema_text("editor"),
        f"released/{released}.yaml": text,
    }


def stale(directory: Path, released: str) -> list[str]:
    """Name the files in the directory that are missing or differ from what the models give."""
    return [
        path
        for path, text in files(released).items()
        if not (directory / path).is_file() or (directory / path).read_text("utf-8") != text
    ]


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not up to date.")
def main(check: bool) -> None:
    """Write the CRD and the schemas for kustomize and editors into crds/."""
    directory, released = Path("crds"), version("servicesop")
    outdated = stale(directory, released)
    if check and outdated:
        click.echo(
            f"not up to date in crds/: {', '.join(outdated)}."
            " Run `python -m servicesop.cli.generate_crd` and commit the result.",
            err=True,
        )
        sys.exit(1)
    for path in outdated:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(files(released)[path], "utf-8")
        click.echo(f"wrote crds/{path}")


if __name__ == "__main__":
    main()
