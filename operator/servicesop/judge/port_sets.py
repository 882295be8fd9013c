"""Sets of ports, by protocol."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from servicesop.api.checks.network_policy import Protocol

FIRST: Final = 1
LAST: Final = 65535

Span = tuple[Protocol, int, int]
"""A protocol with the first and the last of some ports in a row."""


@dataclass(frozen=True, slots=True)
class PortSet:
    """Spans in order, none touching the next of its protocol; make it with `of`."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Self:
        """Join spans, which may overlap."""
        joined: list[Span] = []
        for protocol, first, last in sorted(spans):
            if joined and joined[-1][0] is protocol and first <= joined[-1][2] + 1:
                _, begin, end = joined.pop()
                joined.append((protocol, begin, max(end, last)))
            else:
                joined.append((protocol, first, last))
        return cls(tuple(joined))

    @classmethod
    def union(cls, sets: Iterable["PortSet"]) -> Self:
        """Give the ports that are in any of these."""
        return cls.of(span for each in sets for span in each.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, port: tuple[Protocol, int]) -> bool:
        protocol, number = port
        return any(protocol is each and first <= number <= last for each, first, last in self.spans)

    def __or__(self, other: "PortSet") -> "PortSet":
        return PortSet.union((self, other))

    def __invert__(self) -> "PortSet":
        return PortSet(
            tuple(span for protocol in sorted(Protocol) for span in self._gaps(protocol))
        )

    def __and__(self, other: "PortSet") -> "PortSet":
        return ~(~self | ~other)

    def __sub__(self, other: "PortSet") -> "PortSet":
        return self & ~other

    def __le__(self, other: "PortSet") -> bool:
        return not self - other

    def _gaps(self, protocol: Protocol) -> Iterator[Span]:
        free = FIRST
        for each, first, last in self.spans:
            if each is protocol:
                if free < first:
                    yield protocol, free, first - 1
                free = last + 1
        if free <= LAST:
            yield protocol, free, LAST


NO_PORT: Final = PortSet()
EVERY_PORT: Final = ~NO_PORT
