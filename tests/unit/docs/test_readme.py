"""What the README shows is there, and the script that runs it reads it right."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from readme.blocks import UnmarkedError, Use, blocks_of
from readme.markdown import DOCS, ROOT, anchors
from readme.output import missing_line
from servicesop.api.sop import Spec

README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
SHOWN = """\
   ok  the lease has run out        2.9 s
[...]
   when  08:46:16.856656 UTC
   body  {"value": "7c65c0c0-c853-438f-8a2a-bd9920163a87"}

   kas-fleet-manager   True      0s
"""
PRINTED = """\
A title
   ok  the lease has run out                  3.1 s
   Something that is left out
   when  11:00:00.000001 UTC
   body  {"value": "00000000-c853-438f-8a2a-bd9920163a87"}
   kas-fleet-manager      True   12s
Done
"""


def test_the_sop_in_the_readme_is_the_example() -> None:
    (shown,) = [block.text for block in blocks_of(README) if block.language == "yaml"]

    assert shown == (DOCS / "example" / "sop.yaml").read_text()
    assert Spec.model_validate(yaml.safe_load(shown)["spec"]).title


def test_the_readme_runs_both_commands_and_leaves_out_only_the_image() -> None:
    blocks = blocks_of(README)
    run = [block.text.split("\n") for block in blocks if block.use is Use.RUN]
    left_out = [block.text for block in blocks if block.use is Use.NOT_RUN]

    assert ["make demo", "make test", ""] in run
    assert left_out == ["docker build -t servicesop .\n"]
    assert {block.use for block in blocks} - {None} == {
        Use.RUN,
        Use.CLUSTER,
        Use.BACKGROUND,
        Use.NOT_RUN,
        Use.OUTPUT,
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    lost = []
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\((?!https://)([^)]+)\)", prose):
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            lost.append(link)

    assert lost == []


def test_the_readme_leads_to_every_document() -> None:
    documents = [path.name for path in DOCS.glob("*.md")] + ["checks/README.md"]

    assert [name for name in documents if f"(docs/{name})" not in README] == []


def test_the_changelog_has_a_section_for_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)

    assert headings[:2] == ["Unreleased", version]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```shell\nls\n```\n", "line 1: a shell block needs a comment"),
        ("a\n<!-- readme: rum -->\n```shell\nls\n```\n", "line 3: unknown mark 'rum'"),
        ("<!-- readme: not run -->\n```shell\nls\n```\n", "line 2: 'not run' needs a reason"),
    ],
)
def test_a_block_of_unclear_use_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnmarkedError, match=message):
        blocks_of(text)


def test_blocks_are_read_with_their_marks() -> None:
    text = "<!-- readme: not run: why -->\n```shell\nls\nrm\n```\n\n```yaml\na: b\n```\n"

    first, second = blocks_of(text)

    assert (first.use, first.detail, first.text, first.line) == (Use.NOT_RUN, "why", "ls\nrm\n", 2)
    assert (second.use, second.text) == (None, "a: b\n")


def test_output_that_was_printed_is_recognised() -> None:
    assert missing_line(SHOWN, PRINTED) is None


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (SHOWN.replace("run out", "been found"), "been found"),
        (SHOWN.replace("[...]\n", ""), "when <TIME>"),
        (SHOWN + "[...]\nA title\n", "A title"),
        (SHOWN.replace("True", "False"), "False"),
    ],
    ids=["another-text", "not-adjacent", "out-of-order", "another-value"],
)
def test_output_that_was_not_printed_is_found(shown: str, missing: str) -> None:
    assert missing in (missing_line(shown, PRINTED) or "")
