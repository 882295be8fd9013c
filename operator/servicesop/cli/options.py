"""Types of options that several commands have."""

import re

import click


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
