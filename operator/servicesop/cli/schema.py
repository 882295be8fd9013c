"""`servicesop schema`: the schemas that editors and kustomize read."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from servicesop.api.crd import kustomize_schema
from servicesop.api.editors import editor_schema

_SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "editor": editor_schema,
    "kustomize": kustomize_schema,
}


def schema_text(reader: str) -> str:
    """Give the schema that such a reader wants, as the file that is also in crds/."""
    return json.dumps(_SCHEMAS[reader](), indent=2) + "\n"


@click.command(epilog="Exit code: 0 the schema was written; 2 wrong usage.")
@click.argument("reader", metavar="editor|kustomize", type=click.Choice(list(_SCHEMAS)))
def schema(reader: str) -> None:
    """Write the JSON schema of SOPs to standard output.

    editor: checks and completes an SOP while it is written, in editors with the language server for
    YAML. kustomize: lets overlays merge the lists of an SOP by name.
    """
    click.echo(schema_text(reader), nl=False)
