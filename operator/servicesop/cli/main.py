"""`servicesop`: the operator's process, and what people run themselves."""

from importlib import import_module

import click

_COMMANDS = {
    "check": "check:check",
    "explain": "explain:command",
    "lint": "lint:command",
    "new": "new:new",
    "render": "render:render",
    "run": "run:run",
    "schema": "schema:schema",
    "test": "test:test",
}


class _Commands(click.Group):
    """The commands, each imported when it is asked for: what others need takes a second to load."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"servicesop.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="servicesop")
def main() -> None:
    """Standard operating procedures as Kubernetes objects."""


if __name__ == "__main__":
    main()
