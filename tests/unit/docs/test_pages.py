"""docs/pages.md names the options that `servicesop render` and `servicesop new` have."""

import click
import pytest

from readme.markdown import words
from servicesop.cli.new import new
from servicesop.cli.render import render


@pytest.mark.parametrize("command", [render, new], ids=["render", "new"])
def test_the_options_are_documented(command: click.Command) -> None:
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert words("pages.md", f"Options of {command.name}") == [
        next(name for name in option.opts if name.startswith("--")) for option in options
    ]
