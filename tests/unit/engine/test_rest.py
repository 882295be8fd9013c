"""How long a decision that has changed nothing may stand."""

from datetime import UTC, datetime, timedelta

import pytest

from servicesop.engine.rest import LONGEST, Rest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GROUND = ("spec", 1)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("until", "lasts"),
    [
        (None, LONGEST),
        (NOW + timedelta(hours=1), LONGEST),
        (NOW + timedelta(seconds=20), timedelta(seconds=20)),
    ],
)
def test_it_holds_until_time_may_change_it_and_never_for_long(
    until: datetime | None, lasts: timedelta
) -> None:
    rest = Rest(GROUND, NOW, until)
    assert rest.holds(("spec", 1), NOW + lasts - INSTANT)
    assert not rest.holds(GROUND, NOW + lasts)


def test_it_does_not_hold_on_another_ground() -> None:
    assert not Rest(GROUND, NOW, None).holds(("spec", 2), NOW)
