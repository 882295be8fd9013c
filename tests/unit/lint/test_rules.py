"""Each rule finds what it is for, in its place, and nothing where that is put right."""

import re

import pytest

from readme.markdown import DOCS, anchors
from servicesop.lint.chain import INVALID, RULES
from unit.lint.clean import clean, findings
from unit.lint.rule_cases import FAILS, PASSES, Change, procedure


def test_nothing_is_found_in_a_clean_sop() -> None:
    assert findings(clean()) == []


@pytest.mark.parametrize(
    ("code", "change", "path", "says"), FAILS, ids=[f"{one[0]} {one[3]}" for one in FAILS]
)
def test_a_rule_finds_what_it_is_for(code: str, change: Change, path: str, says: str) -> None:
    spec = clean()
    change(spec)

    (finding,) = [one for one in findings(spec) if one.rule.code == code]

    assert finding.problem.path == path
    assert says in finding.problem.message


@pytest.mark.parametrize(
    ("code", "change"), PASSES, ids=[f"{code} {number}" for number, (code, _) in enumerate(PASSES)]
)
def test_no_rule_finds_what_is_right(code: str, change: Change) -> None:
    spec = clean()
    change(spec)

    assert findings(spec) == []


def test_an_overlay_that_loses_checks_or_procedures_is_found() -> None:
    overlay = clean()
    overlay["checks"].pop(2)
    procedure(overlay)["steps"].pop(2)
    overlay["procedures"].pop(1)

    found = findings(overlay, base=clean())

    assert [one.rule.code for one in found] == ["SOP005", "SOP005"]
    assert [one.problem.message for one in found] == [
        "the base has the check service-is-configured, which is lost here",
        "the base has the procedure Correctness, which is lost here",
    ]
    assert findings(clean(), base=overlay) == []


def test_every_rule_has_a_case_that_fails_and_one_that_passes() -> None:
    tested_apart = {INVALID.code, "SOP005"}

    assert {one[0] for one in FAILS} | tested_apart == {rule.code for rule in RULES}
    assert {one[0] for one in PASSES} | tested_apart == {rule.code for rule in RULES}


def test_codes_and_names_are_unique_and_of_one_form() -> None:
    assert [rule.code for rule in RULES] == [f"SOP{n:03}" for n in range(1, len(RULES) + 1)]
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)


def test_every_rule_has_its_place_on_the_page() -> None:
    assert {rule.anchor for rule in RULES} <= anchors((DOCS / "lint.md").read_text())
