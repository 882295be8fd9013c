"""The event loop of every command that asks servers."""

import asyncio
from typing import Any, Final

import uvloop

_OF_TLS: Final = "Fatal error on SSL protocol"
"""How uvloop begins what it tells of a TLS connection."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Give a loop that says nothing of connections which were given up."""
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(_tell)
    return loop


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log it as usual, unless uvloop has written to a transport that it had closed itself.

    It does so where a connection is dropped in its TLS handshake, as at the end of a command or
    after a timeout. Whoever waited for that connection knows already.
    """
    of_tls = context.get("message") == _OF_TLS
    if not (of_tls and isinstance(context.get("exception"), RuntimeError)):
        loop.default_exception_handler(context)
