"""Patterns that a backtracking matcher cannot bear do not delay anybody here."""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from servicesop.api.reasons import UnknownReason
from servicesop.checks.log_lines import MAX_LINE
from servicesop.judge.results import Verdict
from servicesop.sources.errors import SourceError
from unit.checks.log_pods import Pods, at, build

CORPORA = Path(__file__).parents[2] / "corpora"
FAMILIES = yaml.safe_load((CORPORA / "hostile_patterns.yaml").read_text("utf-8"))
ENTRIES = [
    pytest.param(entry, id=f"{family} {number}")
    for family, entries in FAMILIES.items()
    for number, entry in enumerate(entries, 1)
]
LIMIT = 0.050
"""Seconds for all: compiling the pattern, reading the log, matching, judging."""

Entry = dict[str, Any]


def text_of(entry: Entry) -> str:
    head, piece, times, tail = entry["text"]
    return str(head + piece * times + tail)


def longest(entry: Entry) -> str:
    """Give a line of the same kind that is as long as any that is looked at."""
    head, piece, _, tail = entry["text"]
    times = (MAX_LINE - 100) // len(str(piece).encode())
    return str(head + piece * times + tail)


def test_the_corpus_is_large_and_many_kinds_are_in_it() -> None:
    assert len(FAMILIES) >= 20
    assert len(ENTRIES) >= 200
    assert all(len(entries) >= 3 for entries in FAMILIES.values())
    patterns = [entry["pattern"] for entries in FAMILIES.values() for entry in entries]
    assert len(set(patterns)) == len(patterns)
    # Longer ones are refused by the schema.
    assert max(map(len, patterns)) <= 512


async def seconds_of(pattern: str, text: str) -> float:
    """Give how long one run takes, from the SOP's pattern to the verdict; a refusal is fine.

    Time on the processor: it waits for nothing, and what else this machine does is not its fault.
    """
    pods = Pods("a")
    pods.chunk = MAX_LINE
    pods["a"].log("start", -3599)
    for second, line in enumerate(text.split("\n")[:100]):
        pods["a"].log(line, -100 + second)
    begin = time.process_time()
    with contextlib.suppress(SourceError):
        await build(pods, pattern=pattern).run(at(0))
    return time.process_time() - begin


@pytest.mark.parametrize("entry", ENTRIES)
async def test_the_check_is_not_held_up(entry: Entry) -> None:
    for text in (text_of(entry), longest(entry)):
        # Work is slower where processors change hands; what holds does so each time.
        fastest = min([await seconds_of(entry["pattern"], text) for _ in range(3)])
        assert fastest < LIMIT


async def test_what_re2_does_not_know_is_refused_and_all_else_is_not() -> None:
    for family, entries in FAMILIES.items():
        for entry in entries:
            pods = Pods("a")
            pods["a"].log("start", -3599)
            check = build(pods, pattern=entry["pattern"])
            if "refused" in family:
                with pytest.raises(SourceError) as error:
                    await check.run(at(0))
                assert error.value.reason is UnknownReason.INVALID_PATTERN
            else:
                assert (await check.run(at(0))).verdict is not Verdict.ERROR


@pytest.mark.hostile
@pytest.mark.parametrize("family", FAMILIES)
async def test_each_pattern_holds_a_backtracking_matcher(family: str) -> None:
    cases = [(entry["pattern"], text_of(entry)) for entry in FAMILIES[family]]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", str(CORPORA / "backtracking.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await child.communicate(json.dumps(cases).encode())
    held: list[bool] = json.loads(answer)
    assert [pattern for (pattern, _), one in zip(cases, held, strict=True) if not one] == []
