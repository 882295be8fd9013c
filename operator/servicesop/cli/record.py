"""What `servicesop test` has found, as a document that another version can compare with its own."""

from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter, ValidationError

from servicesop.api.base import ApiModel, Duration
from servicesop.cli.tested import Report, Tested

FORMAT = 1
"""Another number wherever a field comes, goes, or means something else."""


class ChangeRecord(ApiModel):
    """From a time on something else is said of one thing."""

    at: Duration
    """When, counted from the start of the test."""
    what: str
    """A condition, procedure, check, row or escalation, such as `check led`."""
    now: str | None
    """What is said; null where nothing is said of it any more."""


class ActRecord(ApiModel):
    """One action that was begun."""

    at: Duration
    """When, counted from the start of the test."""
    act: str
    """What was done: restart or deletePod."""
    target: str
    """To what, by the SOP's name for it."""


class CaseRecord(ApiModel):
    """One test."""

    name: str
    """Its name."""
    faults: tuple[str, ...]
    """What was not as expected, each after its expectation; none where it passed."""
    changes: tuple[ChangeRecord, ...]
    """What was said, in the order of time."""
    acts: tuple[ActRecord, ...]
    """What was done, in the order of time."""


class FileRecord(ApiModel):
    """One file of tests."""

    path: str
    """Where it is."""
    refused: tuple[str, ...]
    """Why it cannot be run; none where it can."""
    tests: tuple[CaseRecord, ...]
    """Its tests."""


class Record(ApiModel):
    """One run."""

    format: int
    """Which form this document has."""
    version: str
    """The version of servicesop that has run the tests."""
    files: tuple[FileRecord, ...]
    """The files of tests."""


class NoRecordError(Exception):
    """A text is no such document; `format` is its form, where it has one that is not known here."""

    def __init__(self, other_format: int | None = None) -> None:
        super().__init__()
        self.format = other_format


def record_of(report: Report) -> Record:
    """Put down what came of the tests."""
    ran: dict[str, list[CaseRecord]] = {}
    for one in report.results:
        ran.setdefault(str(one.file.path), []).append(_case(one))
    files = [
        FileRecord(path=path, refused=(), tests=tuple(cases)) for path, cases in ran.items()
    ] + [FileRecord(path=str(one.path), refused=one.faults, tests=()) for one in report.refused]
    return Record(format=FORMAT, version=version("servicesop"), files=tuple(files))


def _case(one: Tested) -> CaseRecord:
    told = one.told
    start = one.file.suite.start
    return CaseRecord(
        name=told.case.name,
        faults=told.faults,
        changes=tuple(
            ChangeRecord(at=change.at, what=change.what, now=change.now) for change in told.changes
        ),
        acts=tuple(
            ActRecord(at=act.time - start, act=act.name, target=act.target) for act in told.acts
        ),
    )


def as_json(report: Report, least: int) -> str:
    """Write the documented object (docs/testing.md)."""
    return record_of(report).model_dump_json(by_alias=True, indent=1, ensure_ascii=True) + "\n"


def read_record(text: bytes) -> Record:
    """Read what `as_json` of this or another version has written. Raise NoRecordError."""
    try:
        document = _ANY.validate_json(text)
        if document["format"] != FORMAT:
            raise NoRecordError(int(document["format"]))
        return Record.model_validate(document)
    except (ValidationError, KeyError, TypeError, ValueError):
        raise NoRecordError from None


_ANY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
