"""Files of the repository that are generated: written, or compared with what they should be."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click


def bring_up_to_date(texts: Mapping[Path, str], *, check: bool, command: str) -> None:
    """Write the files that are stale; with `check` write nothing, and end with 1 if there are."""
    stale = [
        path
        for path, text in texts.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    if check and stale:
        click.echo(
            f"not up to date: {', '.join(map(str, stale))}."
            f" Run `python -m {command}` and commit the result.",
            err=True,
        )
        sys.exit(1)
    for path in stale:
        path.write_text(texts[path], "utf-8")
        click.echo(f"wrote {path}")
