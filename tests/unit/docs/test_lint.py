"""docs/lint.md and docs/explaining.md name what the commands have."""

import json
import re

import click
import pytest
from click.testing import CliRunner

from readme.markdown import DOCS, table, words
from servicesop.cli import explain, lint
from servicesop.cli.generate_docs import rules_of_lint
from servicesop.cli.lint_results import Place, Report, as_json
from servicesop.decide.explanation import STATES
from servicesop.lint.chain import INVALID
from servicesop.lint.rules import Finding, Problem


@pytest.mark.parametrize(
    ("page", "command"), [("lint.md", lint.command), ("explaining.md", explain.command)]
)
def test_the_options_and_exit_codes_are_documented(page: str, command: click.Command) -> None:
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert words(page, "Options") == [
        next(name for name in option.opts if name.startswith("--")) for option in options
    ]
    codes = re.findall(r"\b(\d) ", command.epilog or "")
    assert [row[0] for row in table(page, "Exit code")] == codes


def test_the_fields_of_json_are_documented_in_their_order() -> None:
    finding = Place("sop.yaml", 1, 1, "fleet"), Finding(INVALID, Problem("spec", "is wrong"))
    document = json.loads(as_json(Report(1, (finding,), ())))

    assert words("lint.md", "JSON") == list(document)
    assert words("lint.md", "Each of `findings`") == list(document["findings"][0])


def test_the_rules_are_those_of_the_command() -> None:
    assert rules_of_lint() in (DOCS / "lint.md").read_text()


def test_nothing_is_found_in_the_example() -> None:
    result = CliRunner().invoke(lint.command, [str(DOCS / "example")])

    assert (result.exit_code, result.stdout) == (0, "1 SOP: 0 errors, 0 warnings\n")


def test_the_states_that_can_be_given_are_documented() -> None:
    text = (DOCS / "explaining.md").read_text()

    said = re.search(r"`STATE` is (.*?)\.", text, re.S)
    assert said is not None
    assert re.findall(r"`(\w+)`", said[1]) == [state.value for state in STATES]
