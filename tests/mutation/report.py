"""What is written about the mutants of an SOP. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mutation.equivalents import stale
from mutation.trial import Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """All mutants of one SOP."""

    sop: str
    outcomes: Sequence[Outcome]
    equivalents: Mapping[str, str]
    """Those that are listed, with the reasons."""
    seconds: float

    @property
    def survivors(self) -> list[str]:
        """Which have survived and are not listed."""
        return [one.name for one in self.outcomes if one.survived and not self._is_listed(one)]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the list."""
        return list(stale(self.equivalents, self.outcomes))

    @property
    def passed(self) -> bool:
        """Whether nothing is left to do."""
        return not self.survivors and not self.faults

    def lines(self) -> Iterator[str]:
        """Write a summary, and what there is to do."""
        refused = [one for one in self.outcomes if one.refused is not None]
        killed = sum(one.killed_by is not None for one in self.outcomes)
        equivalent = sum(one.survived and self._is_listed(one) for one in self.outcomes)
        yield (
            f"{self.sop}: {len(self.outcomes)} mutants in {self.seconds:.0f} s: {killed} killed,"
            f" {equivalent} equivalent, {len(refused)} not valid, {len(self.survivors)} survived"
        )
        yield from (f"  not valid: {one.name}: {one.refused}" for one in refused)
        yield from (f"  SURVIVED: {name}" for name in self.survivors)
        yield from (f"  FAULT: {fault}" for fault in self.faults)

    def _is_listed(self, one: Outcome) -> bool:
        return one.name in self.equivalents
