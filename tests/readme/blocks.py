"""The fenced blocks of a Markdown file, and what the comments before them say about running them.

A comment `<!-- readme: ... -->` directly before a block is for us; readers do not see it. Every
shell block has one, so that none is left out unnoticed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Use(StrEnum):
    """What is done with a block."""

    RUN = "run"
    """Run in the clone, as on a fresh machine."""
    CLUSTER = "on a cluster"
    """Run in the clone, with kubectl and a kubeconfig in the usual place."""
    BACKGROUND = "on a cluster, goes on until the end"
    """The same, for one command that does not end by itself."""
    NOT_RUN = "not run"
    """Not run; the reason stands behind it."""
    OUTPUT = "output of make demo"
    """What the blocks run so far have printed; `[...]` stands for lines that are left out."""
    FILE = "file"
    """The whole content of the file that is named behind it."""
    DIFF = "diff"
    """A change of such files, as `git apply` takes it."""
    SESSION = "session"
    """Commands, each after `$ `, and what they print."""
    CLUSTER_SESSION = "session on a cluster"
    """The same, with kubectl and a kubeconfig in the usual place."""


class UnmarkedError(ValueError):
    """A block cannot be understood; the message says which, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    line: int
    """Where it begins, from 1."""
    language: str
    text: str
    use: Use | None
    """None for blocks that are not ours to run."""
    detail: str = ""
    """Why it is not run, or which file it is."""


_FENCED = re.compile(
    r"^(?:<!-- readme: (?P<mark>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def blocks_of(markdown: str) -> list[Block]:
    """Give all fenced blocks in order. Raise UnmarkedError."""
    found = []
    for match in _FENCED.finditer(markdown):
        line = markdown.count("\n", 0, match.start("language")) + 1
        use, detail = _use(match["mark"], match["language"], line)
        found.append(Block(line, match["language"], match["text"], use, detail))
    return found


def _use(mark: str | None, language: str, line: int) -> tuple[Use | None, str]:
    if mark is None:
        if language in ("shell", "console"):
            raise UnmarkedError(
                f"line {line}: a {language} block needs a comment <!-- readme: ... --> before it,"
                f" one of {', '.join(repr(use.value) for use in Use)}"
            )
        return None, ""
    for use, before in ((Use.NOT_RUN, ": "), (Use.FILE, " ")):
        if mark.startswith(use + before):
            return use, mark.removeprefix(use + before)
    try:
        use = Use(mark)
    except ValueError:
        raise UnmarkedError(f"line {line}: unknown mark {mark!r}") from None
    if use is Use.NOT_RUN:
        raise UnmarkedError(f"line {line}: 'not run' needs a reason: 'not run: because'")
    if use is Use.FILE:
        raise UnmarkedError(f"line {line}: 'file' needs a name: 'file sop.yaml'")
    return use, ""
