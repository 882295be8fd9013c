"""`python -m servicesop.cli.generate_crd [--check]`: write `crds/` from the models, or compare it.

Run in the root of the repository. `released/<version>.yaml` is written for the current version
only, so that raising the version freezes what the one before it had.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import click

from servicesop.api.crd import CRD_NAME, crd_text, kustomize_schema
from servicesop.api.editors import editor_schema


def files(released: str) -> dict[str, str]:
    """Give the contents of `crds/` by path, for the version that is being released."""
    text = crd_text()
    return {
        f"{CRD_NAME}.yaml": text,
        "kustomize-schema.json": json.dumps(kustomize_schema(), indent=2) + "\n",
        "servicesop.schema.json": json.dumps(editor_schema(), indent=2) + "\n",
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
