"""docs/checking.md names the options, the fields and the codes that `servicesop check` has."""

import json
import re
from datetime import UTC, datetime

import click

from readme.markdown import DOCS, table, words
from servicesop.api.sop import Spec
from servicesop.app.once import Result, Sop, State
from servicesop.cli.check import CANNOT_RUN, INTERRUPTED, check
from servicesop.cli.results import Report, as_json
from sop_cases import complete


def test_the_options_are_documented() -> None:
    options = [one for one in check.params if isinstance(one, click.Option)]

    assert words("checking.md", "Options") == [
        next(name for name in option.opts if name.startswith("--")) for option in options
    ]


def test_the_exit_codes_are_documented() -> None:
    documented = [int(row[0]) for row in table("checking.md", "Exit code")]

    assert documented == [0, 1, 2, CANNOT_RUN, INTERRUPTED]
    for code in documented:
        assert f"{code} " in (check.epilog or "")


def test_the_fields_of_json_are_documented_in_their_order() -> None:
    spec = Spec.model_validate(complete()["spec"])
    result = Result(Sop("stage", "fleet", spec), spec.checks[0], State.PASSED)
    document = json.loads(as_json(Report(datetime.now(UTC), 0.1, (result,))))

    assert words("checking.md", "JSON") == list(document)
    assert words("checking.md", "Each of `checks`") == list(document["checks"][0])


def test_the_results_are_documented() -> None:
    (row,) = [row for row in table("checking.md", "Each of `checks`") if row[0] == "`result`"]

    assert re.findall(r"`(\w+)`", row[1]) == [state.value for state in State]


def test_what_one_sample_cannot_tell_is_documented() -> None:
    text = (DOCS / "checking.md").read_text()

    assert "`for` and `recoverFor` are not applied" in text
