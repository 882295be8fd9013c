"""What a service does all the time, beside a test."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Process:
    """Does something again and again, in a thread, until it ends. Use as a context manager."""

    def __init__(self, name: str, work: Callable[[], None], pause: float) -> None:
        self._work = work
        self._pause = pause
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(self._pause):
            self._work()
