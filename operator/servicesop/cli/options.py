"""Types of options that several commands have."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from servicesop.app.endpoints import EndpointsError, read_endpoints
from servicesop.sources.prometheus.endpoints import Endpoint


class AddressType(click.ParamType[tuple[str, int]]):
    """HOST:PORT."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read it, or tell the user the allowed form."""
        found = re.fullmatch(r"(?P<host>.+):(?P<port>\d{1,5})", str(value))
        if not found or not 0 < int(found["port"]) < 65536:
            self.fail(f'{value!r}: must be HOST:PORT, such as "10.0.0.7:5432"', param, ctx)
        return found["host"].strip("[]"), int(found["port"])


class EndpointsType(click.ParamType[tuple[Endpoint, ...]]):
    """A file of endpoints."""

    name = "file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Endpoint, ...]:
        """Read the file, or tell the user which of its fields is wrong."""
        try:
            return read_endpoints(Path(str(value)))
        except EndpointsError as wrong:
            self.fail(str(wrong), param, ctx)


_Command = Callable[..., None]


def output_option(formats: Iterable[str], what: str) -> Callable[[_Command], _Command]:
    """Give `--output`; the first of the formats is the default."""
    names = list(formats)
    return click.option(
        "-o",
        "--output",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help=f"How to print {what}.",
    )


ENDPOINTS: Callable[[_Command], _Command] = click.option(
    "--endpoints",
    type=EndpointsType(),
    help="The file of the Prometheus and Alertmanager endpoints that SOPs may name, and of the"
    " namespaces that may use them (docs/endpoints.md).",
)
"""The option, for `servicesop run` and `servicesop check`; None where it is not given."""
