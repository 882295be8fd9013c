"""SOPs in files, and what `servicesop lint` prints about them."""

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from servicesop.cli.main import main
from unit.lint.clean import clean


def sop(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "servicesop.io/v1alpha1",
        "kind": "ServiceSOP",
        "metadata": {"name": "fleet"},
        "spec": clean() | changes,
    }


def write(path: Path, *objects: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(objects, sort_keys=False))
    return str(path)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["lint", *arguments], input=stdin)
