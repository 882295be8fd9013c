"""What a check under test may ask: what its test puts in the place of `NOBODY`, and no more."""

from typing import NoReturn

from servicesop.checks.runner import NO_TURN, LogStream, Surroundings, Turn


class Logs(LogStream):
    """Logs in a test."""

    @property
    def turns(self) -> Turn:
        return NO_TURN


class _NoWorkloads:
    def get(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    def pods(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)


class _Nobody:
    turns = NO_TURN

    async def read(self, *arguments: object, **options: object) -> NoReturn:
        raise AssertionError(arguments, options)

    async def get(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    async def get_secret(self, name: str) -> NoReturn:
        raise AssertionError(name)

    async def find(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    async def recent(self) -> NoReturn:
        raise AssertionError

    async def ask(self, *arguments: object, **options: object) -> NoReturn:
        raise AssertionError(arguments, options)


def _not_asked(*arguments: object) -> NoReturn:
    raise AssertionError(arguments)


class _NoMonitoring:
    turns = NO_TURN
    prometheus = alertmanager = staticmethod(_not_asked)


_NOBODY = _Nobody()

NOBODY = Surroundings(
    namespace="shop",
    targets={},
    default_target=None,
    workloads=_NoWorkloads(),
    logs=_NOBODY,
    database=_not_asked,
    connections={},
    objects=_NOBODY,
    secrets=_NOBODY,
    events=_NOBODY,
    http=_NOBODY,
    admission=_not_asked,
    monitoring=_NoMonitoring(),
    replica_sets=_not_asked,
    namespace_labels=_NOBODY.get,
)
