"""What a file of tests leaves behind is found, whatever has kept the collector from it."""

import gc
import weakref

import leftovers


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_what_was_frozen_is_collected_too() -> None:
    cycle = Cycle()
    left = weakref.ref(cycle)
    gc.freeze()
    del cycle
    gc.collect()
    assert left() is not None

    leftovers.collect()
    assert left() is None
