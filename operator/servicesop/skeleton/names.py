"""Names for what a page only describes: procedures, links, teams."""

import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import urlsplit

from servicesop.api.procedures import FIXED_CONDITIONS
from servicesop.api.texts import fitted

_MARKDOWN_LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<url>https?://[^\s()]+)\)")
_URL = re.compile(r"https?://[^\s<>()\[\]`\"']*[^\s<>()\[\]`\"'.,;:!?]")
_TEAM = re.compile(r"(?P<words>[\w-]+(?:[ ][\w-]+){0,3}?)[ ](?P<kind>team|support|squad)\b")
_NO_NAME = {
    *("a", "an", "and", "any", "check", "contact", "engage", "escalate", "for", "from", "if", "in"),
    *("inform", "incident", "issue", "it", "notes", "of", "on", "or", "our", "page", "relevant"),
    *(
        "see",
        "that",
        "the",
        "this",
        "to",
        "with",
        "ask",
        "involve",
        "corresponding",
        "your",
        "tell",
    ),
}
_NAME_LENGTH = 63
_SENTENCE = 256


def procedure_name(heading: str, taken: Collection[str]) -> str:
    """Make a CamelCase name of a heading, one that is not taken."""
    words = re.findall(r"[A-Za-z0-9]+", heading)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name or not name[0].isalpha() or name in FIXED_CONDITIONS:
        name = f"Procedure{name}"
    return _free(name[:_NAME_LENGTH], taken, "")


def name_of(text: str, taken: Collection[str]) -> str:
    """Make a name of lower case letters, digits and dashes, one that is not taken."""
    name = "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:_NAME_LENGTH].strip("-")
    return _free(name or "unnamed", taken, "-")


def _free(name: str, taken: Collection[str], gap: str) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        end = f"{gap}{number}"
        free = name[: _NAME_LENGTH - len(end)] + end
    return free


class Links:
    """The places that a page leads to, each once."""

    def __init__(self) -> None:
        self.by_url: dict[str, tuple[str, str]] = {}
        """Name and title, by URL."""

    def take(self, text: str) -> list[str]:
        """Take the links of a text; give their names in its order."""
        return [self._taken(url, title)[0] for url, title in _links(text)]

    def _taken(self, url: str, title: str) -> tuple[str, str]:
        if url not in self.by_url:
            names = {name for name, _ in self.by_url.values()}
            host = urlsplit(url).hostname or url
            # "here" says nothing away from its sentence.
            title = title if len(title.split()) > 1 or len(title) > 4 else host
            self.by_url[url] = name_of(title, names), fitted(title, _SENTENCE)
        return self.by_url[url]


def _links(text: str) -> Iterator[tuple[str, str]]:
    rest = text
    for found in _MARKDOWN_LINK.finditer(text):
        rest = rest.replace(found.group(), " " * len(found.group()), 1)
    every = [(one.start(), one["url"], one["text"]) for one in _MARKDOWN_LINK.finditer(text)]
    every += [(one.start(), one.group(), "") for one in _URL.finditer(rest)]
    for _, url, title in sorted(every):
        yield url, title.strip()


def without_addresses(text: str) -> str:
    """Give a text whose links are only their words."""
    return _MARKDOWN_LINK.sub(lambda found: found["text"], text)


def teams(texts: Iterable[str]) -> list[str]:
    """Give the teams that texts name, in their order, each once."""
    found: dict[str, str] = {}
    for text in texts:
        for one in _TEAM.finditer(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)):
            words = one["words"].split()
            while words and words[0].lower() in _NO_NAME:
                words.pop(0)
            cut = max((at for at, word in enumerate(words) if word.lower() in _NO_NAME), default=-1)
            kept = words[cut + 1 :]
            if kept:
                title = " ".join([*kept, one["kind"]])
                found.setdefault(title.lower(), title)
    return list(found.values())
