"""A connection that was given up is nobody's affair; everything else is told."""

import pytest

from servicesop.app.loop import new_event_loop


@pytest.mark.parametrize(
    ("message", "error", "is_told"),
    [
        ("Fatal error on SSL protocol", RuntimeError("the handler is closed"), False),
        ("Fatal error on SSL protocol", ValueError("a defect"), True),
        ("Task exception was never retrieved", RuntimeError("a defect"), True),
    ],
)
def test_only_the_closed_transport_is_not_told(
    caplog: pytest.LogCaptureFixture, message: str, error: Exception, *, is_told: bool
) -> None:
    loop = new_event_loop()
    loop.call_exception_handler({"message": message, "exception": error})
    loop.close()
    assert bool(caplog.records) == is_told
