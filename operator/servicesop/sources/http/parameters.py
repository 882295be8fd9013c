"""Reads what an `http` check sends, and whom it trusts, out of Secrets and ConfigMaps."""

import re
from collections.abc import Awaitable, Callable, Mapping

from servicesop.api.checks.http import Http
from servicesop.api.keys import Authorities
from servicesop.api.reasons import UnknownReason
from servicesop.sources.authorities import authorities
from servicesop.sources.errors import SourceError

Read = Callable[[str], Awaitable[Mapping[str, bytes]]]
"""Gives what an object of the namespace holds, by its name. Raises SourceError."""

_MAX_VALUE = 8 * 1024
# What a header may hold (RFC 9110): no line break, so that a value stays a value.
_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")


class Parameters:
    """The values that one run of a check needs, each Secret and ConfigMap read once at most.

    What they hold is never part of a message: those name the object and the key.
    """

    def __init__(self, secret: Read, config_map: Read) -> None:
        self._readers = {"Secret": secret, "ConfigMap": config_map}
        self._read: dict[tuple[str, str], Mapping[str, bytes]] = {}

    async def headers(self, spec: Http) -> dict[str, str]:
        """Give the headers that come from Secrets. Raise SourceError."""
        return {
            each.header: await self.text(each.secret_key_ref.name, each.secret_key_ref.key)
            for each in spec.headers
        }

    async def text(self, secret: str, key: str) -> str:
        """Give a value that can stand in a header. Raise SourceError."""
        data = await self._value("Secret", secret, key)
        value = data[: _MAX_VALUE + 1].decode("latin-1")
        # A line feed at the end is what `echo` adds; nobody means it.
        value = value.removesuffix("\n")
        if len(value) > _MAX_VALUE or not _VALUE.fullmatch(value):
            raise _invalid(
                "Secret",
                secret,
                key,
                f"must hold 1 to {_MAX_VALUE} printable ASCII characters on one line, without"
                " blanks around them",
            )
        return value

    async def authorities(self, spec: Authorities | None) -> str | None:
        """Give certificates in PEM form, None for those of the system. Raise SourceError."""
        if spec is None:
            return None
        if spec.secret_key_ref is not None:
            kind, name, key = "Secret", spec.secret_key_ref.name, spec.secret_key_ref.key
        else:
            assert spec.config_map_key_ref is not None, "one of them is there"
            kind, name, key = "ConfigMap", spec.config_map_key_ref.name, spec.config_map_key_ref.key
        data = await self._value(kind, name, key)
        return authorities(data, f'key "{key}" of the {kind} "{name}"')

    async def _value(self, kind: str, name: str, key: str) -> bytes:
        if (kind, name) not in self._read:
            self._read[kind, name] = await self._readers[kind](name)
        data = self._read[kind, name]
        if key not in data:
            raise _invalid(kind, name, key, "is missing; add it, or name another one in the check")
        return data[key]


def _invalid(kind: str, name: str, key: str, fault: str) -> SourceError:
    return SourceError(
        UnknownReason.INVALID_CONNECTION, f'key "{key}" of the {kind} "{name}" {fault}'
    )
