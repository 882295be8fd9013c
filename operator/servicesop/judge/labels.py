"""Labels, as far as they are known, and selectors over them: yes, no, or None where unknown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """Say whether all hold: one that does not decides, whatever is not known of the others."""
    known = set(answers)
    return False if False in known else None if None in known else True


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Say whether one of them holds: one that does decides."""
    known = set(answers)
    return True if True in known else None if None in known else False


def opposite(answer: bool | None) -> bool | None:
    """Say whether it does not hold."""
    return None if answer is None else not answer


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of an object, or of all objects that have at least these."""

    known: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    """Whether there are no others. If not, of another key nothing is known, not even whether it is
    there."""


class Operator(StrEnum):
    """What a requirement asks of one key."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition of a selector; `key: value` of matchLabels is In with one value."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool | None:
        """Say whether it holds for labels."""
        value = labels.known.get(self.key)
        if value is None and not labels.complete:
            return None
        return self.admits(value)

    def admits(self, value: str | None) -> bool:
        """Say whether it holds for a value of its key, None where the key is absent.

        One that excludes values holds there too.
        """
        if self.operator is Operator.IN:
            return value in self.values
        if self.operator is Operator.NOT_IN:
            return value not in self.values
        return (value is not None) is (self.operator is Operator.EXISTS)


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold; without any it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool | None:
        """Say whether an object with these labels is selected."""
        return all_of(requirement.matches(labels) for requirement in self.requirements)

    def selects_any(self, known: Mapping[str, str], always: str = "") -> bool:
        """Say whether there can be an object with these labels, and maybe others, that it selects.

        `always` is the key of a label that every object has.
        """
        keys = {requirement.key for requirement in self.requirements}
        return all(self._is_possible(key, known.get(key), key == always) for key in keys)

    def _is_possible(self, key: str, known: str | None, always: bool) -> bool:
        requirements = [requirement for requirement in self.requirements if requirement.key == key]
        values: set[str | None] = {known}
        if known is None:
            asked = {value for requirement in requirements for value in requirement.values}
            values = {*asked, _ANOTHER} if always else {None, *asked, _ANOTHER}
        return any(all(one.admits(value) for one in requirements) for value in values)


_ANOTHER = "another value"
"""None that a selector can ask for: no label's value has a space."""
