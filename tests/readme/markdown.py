"""Reads the documents: headings, tables, links."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def section(document: str, heading: str) -> str:
    """Give the text below a heading, up to the next one of any level."""
    lines = (DOCS / document).read_text().splitlines()
    (start,) = [
        i for i, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(heading)}", line)
    ]
    rest = lines[start + 1 :]
    end = next((i for i, line in enumerate(rest) if re.match(r"#+ ", line)), len(rest))
    return "\n".join(rest[:end])


def table(document: str, heading: str) -> list[list[str]]:
    """Give the cells of the rows of the table below a heading, without its head."""
    rows = [line for line in section(document, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


def words(document: str, heading: str) -> list[str]:
    """Give the first words in code style of a table's rows."""
    return [row[0].removeprefix("`").partition("`")[0] for row in table(document, heading)]


def anchors(text: str) -> set[str]:
    """Give what links may point to: headings in lower case, dashes for spaces, no punctuation."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    }
