"""Reads the data of a Secret as the parameters of a connection. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Postgres
from servicesop.sources.authorities import authorities
from servicesop.sources.errors import SourceError

_MAX_VALUE = 1024
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a connection needs. Nothing of it may be shown: it is the content of a Secret."""

    host: str = field(repr=False)
    port: int = field(repr=False)
    database: str = field(repr=False)
    user: str = field(repr=False)
    password: str = field(repr=False)
    ca: str | None = field(default=None, repr=False)


def parameters_of(spec: Postgres, data: Mapping[str, bytes]) -> Parameters:
    """Read the keys that `spec` names from the Secret's `data`.

    Raise SourceError with InvalidConnection or InvalidCertificateAuthority, naming the Secret and
    the key, never a value.
    """
    secret = spec.secret_ref.name

    def text(key: str) -> str:
        if key not in data:
            raise _invalid(secret, key, "is missing; add it, or name another one in keys")
        try:
            value = data[key].decode()
        except UnicodeDecodeError:
            raise _invalid(secret, key, "must be UTF-8 text") from None
        if not value:
            raise _invalid(secret, key, "is empty")
        if len(value) > _MAX_VALUE:
            raise _invalid(secret, key, f"must have at most {_MAX_VALUE} characters")
        if any(character < " " or character == "\x7f" for character in value):
            # Mostly the line feed that `echo` adds; libpq would send it as part of the value.
            raise _invalid(secret, key, "must not hold line breaks or control characters")
        return value

    return Parameters(
        host=text(spec.keys.host),
        port=_port(secret, spec.keys.port, text(spec.keys.port)),
        database=text(spec.keys.database),
        user=text(spec.keys.user),
        password=text(spec.keys.password),
        ca=None if spec.keys.ca is None else _ca(secret, spec.keys.ca, data),
    )


def _ca(secret: str, key: str, data: Mapping[str, bytes]) -> str:
    if key not in data:
        raise _invalid(secret, key, "is missing; add it, or name another one in keys")
    return authorities(data[key], f'key "{key}" of the Secret "{secret}"')


def _port(secret: str, key: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= _MAX_PORT):
        raise _invalid(secret, key, f"must be a port number from 1 to {_MAX_PORT}")
    return int(value)


def _invalid(secret: str, key: str, fault: str) -> SourceError:
    return SourceError(
        UnknownReason.INVALID_CONNECTION, f'key "{key}" of the Secret "{secret}" {fault}'
    )
