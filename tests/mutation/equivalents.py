"""The mutants that are no other SOP, each with the reason."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import RootModel

from mutation.trial import Outcome
from servicesop.api.base import Prose

FILE = Path(__file__).with_name("equivalent.yaml")


class Equivalents(RootModel[dict[str, dict[str, Prose]]]):
    """By SOP and mutant, why no test can tell the two apart."""

    def of(self, sop: str) -> Mapping[str, str]:
        """Give those of an SOP."""
        return self.root.get(sop, {})


def read(path: Path) -> Equivalents:
    """Read the file."""
    return Equivalents.model_validate(yaml.safe_load(path.read_text()))


def stale(listed: Iterable[str], outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Say what of an SOP's list is not true, or not true any more."""
    by_name = {one.name: one for one in outcomes}
    for name in listed:
        found = by_name.get(name)
        if found is None:
            yield f"there is no mutant {name}, which is listed as equivalent"
        elif found.refused is not None:
            yield f"{name} is listed as equivalent, and is no valid SOP"
        elif found.killed_by is not None:
            yield f"{name} is listed as equivalent, and fails {found.killed_by}"
