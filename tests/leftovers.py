"""What tests have left behind without closing it."""

import gc


def collect() -> None:
    """Let Python complain now of all that nobody holds any more.

    A command that ends its process may freeze what it has read; run in a test, it has frozen what
    the tests have left so far too.
    """
    gc.unfreeze()
    gc.collect()
