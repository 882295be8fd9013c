"""What a check under test may ask: what its test puts in the place of `NOBODY`, and no more."""

from typing import NoReturn

from servicesop.checks.runner import NO_TURN, Surroundings


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

    async def find(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    async def recent(self) -> NoReturn:
        raise AssertionError

    async def ask(self, *arguments: object, **options: object) -> NoReturn:
        raise AssertionError(arguments, options)


def _not_asked(*arguments: object) -> NoReturn:
    raise AssertionError(arguments)


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
    events=_NOBODY,
    http=_NOBODY,
    replica_sets=_not_asked,
)
