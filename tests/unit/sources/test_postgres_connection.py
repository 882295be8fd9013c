"""How the data of a Secret becomes the parameters of a connection."""

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Postgres
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres.connection import Parameters, parameters_of

SPEC = Postgres.model_validate(
    {"secretRef": {"name": "orders-db"}, "keys": {"host": "db.host", "password": "db.password"}}
)
GOOD = {
    "db.host": b"db.example.com",
    "port": b"5432",
    "database": b"orders",
    "user": b"reader",
    "db.password": b"secret",
}


def test_the_named_keys_are_read() -> None:
    assert parameters_of(SPEC, GOOD) == Parameters(
        "db.example.com", 5432, "orders", "reader", "secret"
    )


@pytest.mark.parametrize("password", ["@:/%'\"", "a b", "ü€", "\\", "host=evil", "$1{x}%(y)s"])
def test_a_password_is_taken_as_it_is(password: str) -> None:
    assert parameters_of(SPEC, GOOD | {"db.password": password.encode()}).password == password


@pytest.mark.parametrize("key", sorted(GOOD))
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "is missing; add it, or name another one in keys"),
        (b"", "is empty"),
        (b"canary\xff", "must be UTF-8 text"),
        (b"canary\n", "must not hold line breaks or control characters"),
        (b"can\x00ary", "must not hold line breaks or control characters"),
        (b"canary" * 200, "must have at most 1024 characters"),
    ],
)
def test_a_bad_key_is_named_and_its_value_is_not(key: str, value: bytes | None, fault: str) -> None:
    data = {name: content for name, content in GOOD.items() if name != key}
    if value is not None:
        data[key] = value
    with pytest.raises(SourceError) as caught:
        parameters_of(SPEC, data)
    assert caught.value.reason is UnknownReason.INVALID_CONNECTION
    assert caught.value.message == f'key "{key}" of the Secret "orders-db" {fault}'
    assert "canary" not in caught.value.message
    # The decoder's error holds the value.
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "canary", "54 32", "٥٤٣٢", "5432.0", "5432,1"]
)
def test_a_port_is_a_number_in_range(port: str) -> None:
    with pytest.raises(SourceError) as caught:
        parameters_of(SPEC, GOOD | {"port": port.encode()})
    assert caught.value.message == (
        'key "port" of the Secret "orders-db" must be a port number from 1 to 65535'
    )


def test_parameters_do_not_show_themselves() -> None:
    shown = repr(parameters_of(SPEC, GOOD))
    assert not any(value.decode() in shown for value in GOOD.values())
