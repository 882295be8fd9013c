"""The maps from pages to SOPs name what is there, and leave nothing out."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from readme import markdown
from readme.markdown import DOCS

PAGES = sorted((DOCS / "seeds").glob("*.md"))
HEAD = ["Section", "Step", "What it asks for", "Field that expresses it", "Kind"]
INSTRUCTIONS = ["check", "row", "action", "manual", "reference", "TODO"]
OTHERS = ["procedure", "addition"]
_SOP = re.compile(r"manifests/sops/[a-z0-9-]+/base/servicesop\.yaml")
_KEY = re.compile(r"\.?([A-Za-z]+)|\[([^\]]+)\]")


@dataclass(frozen=True)
class Line:
    """One row of a map."""

    section: str
    step: str
    asks: str
    fields: tuple[str, ...]
    kind: str


def lines(page: Path) -> list[Line]:
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    head, _, *body = cells
    assert head == HEAD
    return [
        Line(section, step, asks, tuple(re.findall(r"`([^`]+)`", fields)), kind)
        for section, step, asks, fields, kind in body
    ]


def sop(page: Path) -> Mapping[str, Any]:
    """The spec of the base that a page links to."""
    found = _SOP.search(page.read_text())
    assert found is not None, f"{page.name} links to no manifests/sops/*/base/servicesop.yaml"
    spec: Mapping[str, Any] = yaml.safe_load((DOCS.parent / found[0]).read_text())["spec"]
    return spec


def resolve(path: str, spec: Any) -> Any:
    """What a path such as `procedures[Down].handle[otherwise]` leads to. Raise LookupError."""
    assert "".join(match[0] for match in _KEY.finditer(path)) == path, f"{path} is no path"
    value = spec
    for match in _KEY.finditer(path):
        field, item = match.groups()
        if field is not None:
            value = value[field]
        elif item.isdigit():
            value = value[int(item)]
        else:
            (value,) = [one for one in value if one["name"] == item] or [None]
            if value is None:
                raise LookupError(path)
    return value


def leads_nowhere(path: str, spec: Mapping[str, Any]) -> bool:
    try:
        resolve(path, spec)
    except LookupError:
        return True
    return False


def expresses(kind: str, path: str, value: Any) -> bool:
    """Whether a field can be what an instruction of that kind became."""
    match kind:
        case "check":
            return path.startswith("checks[")
        case "row":
            return ".handle[" in path and "remediate" not in value
        case "action":
            return ".handle[" in path and "remediate" in value
        case "manual":
            return ".steps[" in path and "manual" in value
        case "reference":
            return path.endswith((".stepsFrom", ".sameAs"))
        case "TODO":
            return path.endswith(".todo") or "TODO" in str(value)
        case "procedure":
            return re.fullmatch(r"procedures\[\w+\]", path) is not None
    return kind == "addition"


def numbers() -> list[str]:
    """The rows of the table of numbers, as they have to be written."""
    found = []
    for page in PAGES:
        for section, of_it in groupby(lines(page), key=lambda line: line.section):
            kinds = Counter(line.kind for line in of_it if line.kind in INSTRUCTIONS)
            counts = [kinds.total(), *(kinds[kind] for kind in INSTRUCTIONS)]
            cells = [f"[{page.stem}](seeds/{page.name})", section, *map(str, counts)]
            found.append(f"| {' | '.join(cells)} |")
    return found


def everything(spec: Mapping[str, Any]) -> set[str]:
    """All that a map must not leave out."""
    checks = {f"checks[{check['name']}]" for check in spec["checks"]}
    procedures: Sequence[Mapping[str, Any]] = spec["procedures"]
    return checks.union(
        (f"procedures[{procedure['name']}]" for procedure in procedures),
        (
            f"procedures[{procedure['name']}].handle[{row['name']}]"
            for procedure in procedures
            for row in procedure.get("handle", ())
        ),
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_field_of_a_map_is_there(page: Path) -> None:
    spec = sop(page)

    assert [path for line in lines(page) for path in line.fields if leads_nowhere(path, spec)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_an_instruction_became_what_its_kind_says(page: Path) -> None:
    spec = sop(page)

    assert [
        line
        for line in lines(page)
        if not any(expresses(line.kind, path, resolve(path, spec)) for path in line.fields)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nothing_of_the_sop_is_missing_from_its_map(page: Path) -> None:
    named = {path for line in lines(page) for path in line.fields}

    assert everything(sop(page)) - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_instructions_of_a_section_are_numbered(page: Path) -> None:
    sections = [line.section for line in lines(page)]
    assert len([section for section, _ in groupby(sections)]) == len(set(sections))
    for section in set(sections):
        of_it = [line for line in lines(page) if line.section == section]
        steps = [line.step for line in of_it if line.kind in INSTRUCTIONS]
        others = [line for line in of_it if line.kind not in INSTRUCTIONS]

        assert steps == [str(number) for number in range(1, len(steps) + 1)]
        assert [line for line in others if line.kind not in OTHERS or line.step != "-"] == []


def test_the_numbers_are_those_of_the_maps() -> None:
    written = [
        line for line in markdown.section("seeds.md", "Numbers").splitlines() if line[:1] == "|"
    ]

    assert "\n".join(written[2:]) == "\n".join(numbers())


def test_every_kind_is_explained() -> None:
    text = (DOCS / "seeds.md").read_text()

    assert [kind for kind in INSTRUCTIONS + OTHERS if f"| `{kind}` |" not in text] == []


def test_a_path_that_leads_nowhere_is_found() -> None:
    spec = sop(DOCS / "seeds" / "003.md")
    paths = [
        "checks[api-answers]",
        "checks[api-answer]",
        "procedures[KafkaServiceFleetManagerDown].steps[99]",
        "procedures[KafkaServiceFleetManagerDown].handle[nobody]",
        "teams[control-plane].todos",
    ]

    assert [path for path in paths if leads_nowhere(path, spec)] == paths[1:]
