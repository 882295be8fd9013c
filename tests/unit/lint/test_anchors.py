"""A pattern is said to match nothing only if RE2 finds no match of it in any text."""

import pytest
import re2
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from servicesop.lint.anchors import can_match

CONTRADICT = [
    "a^b",
    "a$b",
    "$a",
    "a+^",
    "(a|b)^c",
    "a(^b|^c)",
    "(?:x$)y",
    r"a\Ab",
    r"a\zb",
    "[a-z]{2}^",
    r"\Qa.b\E^c",
    "(a$){2}",
    "(?m:^)a(?-m)^b",
    r"\pN^",
    r"[]a]^",
    r"[[:alpha:]]^",
    r"\x{10}^",
]
MATCH = [
    "^a$",
    "a|b^c",
    "(?m)a$\n^b",
    "a*^b",
    "^$",
    "^^a$$",
    r"\^a\$b",
    "[a^]b",
    "[$]b",
    r"\Q^$\E",
    "(^a|b)c",
    "a(?:$|b)c",
    "x{0}^a",
    "a$(?m)*b",
    "Running {worker} [{holder}]",
    r"[^\]^]b",
    "",
]
PIECES = st.sampled_from(["a", "b", "^", "$", "(", ")", "|", "*", "?", "+", "{2}", "(?m)", "\\z"])


@pytest.mark.parametrize("pattern", CONTRADICT)
def test_a_contradiction_is_found(pattern: str) -> None:
    assert not can_match(pattern)


@pytest.mark.parametrize("pattern", MATCH)
def test_what_can_match_is_left_alone(pattern: str) -> None:
    assert can_match(pattern)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=8), st.text("ab\n", max_size=4))
def test_a_pattern_that_matches_something_is_never_called_a_contradiction(
    pieces: list[str], text: str
) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile("".join(pieces), options)
    except re2.error:
        assume(False)
    assume(pattern.search(text) is not None)

    assert can_match("".join(pieces))
