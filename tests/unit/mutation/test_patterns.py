"""Patterns that are made wider."""

import pytest
import re2

from mutation.patterns import widened


@pytest.mark.parametrize(
    ("pattern", "wider"),
    [
        ("refused", {"any text for 'refused'": "(?s:.*)"}),
        (
            "^[EF] ",
            {
                "without ^": "[EF] ",
                "any character for [EF]": "^(?s:.) ",
                "any text for ' '": "^[EF](?s:.*)",
            },
        ),
        (
            r"(?i)\bocm|fail",
            {
                r"without \b": "(?i)ocm|fail",
                "any text for 'ocm'": r"(?i)\b(?s:.*)|fail",
                "any text for 'fail'": r"(?i)\bocm|(?s:.*)",
            },
        ),
        (
            r"\((401|403)\)",
            {
                r"any text for '\\('": r"(?s:.*)(401|403)\)",
                "any text for '401'": r"\(((?s:.*)|403)\)",
                "any text for '403'": r"\((401|(?s:.*))\)",
                r"any text for '\\)'": r"\((401|403)(?s:.*)",
            },
        ),
        ('"a": ?b{2}', {"any text for '\"a\":'": "(?s:.*) ?b{2}"}),
        ("a.*a", {"any text for 'a'": "(?s:.*).*a", "any text for 'a' (no. 2)": "a.*(?s:.*)"}),
        (
            r"\S*{worker} \[{holder}\]",
            {
                r"any character for \S": r"(?s:.)*{worker} \[{holder}\]",
                r"any text for ' \\['": r"\S*{worker}(?s:.*){holder}\]",
                r"any text for '\\]'": r"\S*{worker} \[{holder}(?s:.*)",
            },
        ),
        (
            r"[^\sW]|[]a]\pL",
            {
                r"any character for [^\sW]": r"(?s:.)|[]a]\pL",
                "any character for []a]": r"[^\sW]|(?s:.)\pL",
                r"any character for \pL": r"[^\sW]|[]a](?s:.)",
            },
        ),
    ],
)
def test_one_piece_of_a_pattern_after_the_other_is_made_wider(
    pattern: str, wider: dict[str, str]
) -> None:
    assert dict(widened(pattern)) == wider
    for each in wider.values():
        re2.compile(each)
