"""Waiting for what happens in another process: asked again and again, within a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_PAUSE_SECONDS = 0.05

Answer = TypeVar("Answer")


def eventually(true: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait until it is true; AssertionError with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(_PAUSE_SECONDS)


async def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until it is true; TimeoutError otherwise."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - nobody tells this process of it
            await asyncio.sleep(_PAUSE_SECONDS)


async def answer(
    ask: Callable[[], Awaitable[Answer]], wanted: Callable[[Answer], object], seconds: float = 30.0
) -> Answer:
    """Ask until the answer is the wanted one; TimeoutError otherwise."""
    async with asyncio.timeout(seconds):
        while True:
            given = await ask()
            if wanted(given):
                return given
            await asyncio.sleep(_PAUSE_SECONDS)
