"""A gate that is closed leaves no connection behind, not even one that it has just accepted."""

import gc
import socket
from contextlib import ExitStack, suppress

import pytest

from testbed.gate import Gate

ROUNDS = 100


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_who_comes_while_it_closes_is_cut_off_too() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server, ExitStack() as clients:
        with Gate(server.getsockname()[1]) as gate:
            for _ in range(ROUNDS):
                client = clients.enter_context(socket.create_connection(("127.0.0.1", gate.port)))
                client.settimeout(5)
                gate.close()
                with suppress(ConnectionResetError):
                    assert client.recv(1) == b""
                gate.open()
        gc.collect()
