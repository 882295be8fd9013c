"""What a service does all the time, beside a test."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

from testbed.lifetime import Lifetime


class Process(Lifetime):
    """Does something again and again, in a thread, until it ends. Use as a context manager."""

    def __init__(self, name: str, work: Callable[[], None], pause: float) -> None:
        self._work = work
        self._pause = pause
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _live(self, life: ExitStack) -> None:
        self._thread.start()
        life.callback(self._end)

    def _end(self) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(self._pause):
            self._work()
