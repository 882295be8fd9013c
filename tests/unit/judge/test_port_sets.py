from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from servicesop.api.checks.network_policy import Protocol
from servicesop.judge.port_sets import EVERY_PORT, FIRST, LAST, NO_PORT, PortSet, Span

Spans = list[Span]
NUMBERS = st.one_of(st.integers(1, 12), st.sampled_from([FIRST, LAST - 1, LAST]))
SPANS = st.tuples(st.sampled_from(Protocol), NUMBERS, NUMBERS).map(
    lambda span: (span[0], min(span[1:]), max(span[1:]))
)
SETS = st.lists(SPANS, max_size=5)
EDGES = [(protocol, port) for protocol in Protocol for port in (*range(1, 14), LAST - 1, LAST)]


def ports(spans: Spans) -> set[tuple[Protocol, int]]:
    return {
        (protocol, port)
        for protocol, port in EDGES
        if any(protocol is each and first <= port <= last for each, first, last in spans)
    }


@given(SETS, SETS)
def test_it_is_a_set_of_ports(one: Spans, other: Spans) -> None:
    a, b = PortSet.of(one), PortSet.of(other)
    in_a, in_b = ports(one), ports(other)

    assert ports(list(a.spans)) == in_a
    assert {port for port in EDGES if port in a} == in_a
    assert ports(list((a | b).spans)) == in_a | in_b
    assert ports(list((a & b).spans)) == in_a & in_b
    assert ports(list((a - b).spans)) == in_a - in_b
    assert ports(list((~a).spans)) == set(EDGES) - in_a
    assert (a <= a | b, a & b <= b) == (True, True)
    assert ~~a == a
    assert bool(a) is bool(one)


@given(SETS)
def test_spans_are_in_order_and_do_not_touch(spans: Spans) -> None:
    found = PortSet.of(spans).spans

    assert list(found) == sorted(found)
    for (protocol, _, last), (following, first, _) in pairwise(found):
        assert protocol is not following or last + 1 < first


def test_nothing_and_everything() -> None:
    assert (bool(NO_PORT), NO_PORT.spans) == (False, ())
    assert len(EVERY_PORT.spans) == len(Protocol)
    assert ~EVERY_PORT == NO_PORT
