"""What the testbed's servers have in common: they end with their `with` block, come what may."""

from contextlib import ExitStack

import pytest

from testbed.lifetime import Lifetime


class Server(Lifetime):
    def __init__(self, *, fails: bool = False) -> None:
        self.said: list[str] = []
        self._fails = fails

    def _live(self, life: ExitStack) -> None:
        for part in ("first", "second"):
            self.said.append(part)
            life.callback(self.said.append, f"{part} ended")
        if self._fails:
            raise RuntimeError("no port is free")


def test_what_was_begun_last_ends_first() -> None:
    with Server() as server:
        assert server.said == ["first", "second"]
    assert server.said == ["first", "second", "second ended", "first ended"]


def test_what_was_begun_ends_when_the_rest_cannot_begin() -> None:
    server = Server(fails=True)
    with pytest.raises(RuntimeError, match="no port is free"), server:
        raise AssertionError("the block is not entered")
    assert server.said == ["first", "second", "second ended", "first ended"]


def test_an_error_of_the_block_ends_it_and_goes_on() -> None:
    server = Server()
    with pytest.raises(ValueError, match="of the block"), server:
        raise ValueError("of the block")
    assert server.said[-1] == "first ended"


def test_it_lives_as_often_as_it_is_entered() -> None:
    server = Server()
    for _ in range(2):
        server.said.clear()
        with server:
            assert server.said[-1] == "second"
        assert server.said[-1] == "first ended"
