"""`servicesop test --against`: the same tests under another version, in a process of its own."""

from collections.abc import Sequence
from pathlib import Path

from servicesop.cli.comparison import compare, text
from servicesop.cli.programs import TooLongError, TooMuchError, run
from servicesop.cli.record import FORMAT, NoRecordError, Record, read_record
from servicesop.cli.versions import Installed, age

_LAST_LINES = 5


class OtherVersionError(Exception):
    """The other version has given nothing that can be compared; the message says why."""


def ask(version: Installed, paths: Sequence[Path], seconds: float) -> Record:
    """Let a version run the tests. Raise OtherVersionError."""
    command = (*version.command, "test", "-o", "json", "--", *map(str, paths))
    name = f"servicesop {version.number}"
    try:
        ended = run(command, seconds)
    except OSError as unable:
        raise OtherVersionError(f"{name} cannot be started: {unable.strerror}") from None
    except TooLongError:
        raise OtherVersionError(
            f"{name} has not run the tests within {seconds:.0f} s, and was ended"
        ) from None
    except TooMuchError:
        raise OtherVersionError(f"{name} writes without end, and was ended") from None
    try:
        return read_record(ended.output)
    except NoRecordError as no_record:
        if no_record.format is None:
            raise OtherVersionError(
                f"{name} has not run the tests:\n{ended.last_words(_LAST_LINES)}"
            ) from None
        raise OtherVersionError(
            f"{name} writes down what has happened in another form than is known here"
            f" ({no_record.format}, not {FORMAT}): run that version with --against this one"
        ) from None


def compared(here: Record, other: Record, version: Installed) -> tuple[str, bool]:
    """Say what differs, from the older version to the newer, and whether anything does.

    Raise OtherVersionError where both refuse a file.
    """
    refusing = {one.path for one in other.files if one.refused}
    faults = [why for one in here.files if one.path in refusing for why in one.refused]
    if faults:
        raise OtherVersionError("\n".join(faults))
    own, others = here.version, other.version
    if own == others:
        own, others = f"{own} here", f"{others} of {version.place}"
    if age(here.version) < age(other.version):
        found, names = compare(here, other), (own, others)
    else:
        found, names = compare(other, here), (others, own)
    return text(found, *names), bool(found.differences)
