"""Finds and reads the files of SOP tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from servicesop.api.faults import faults_of, plainly
from servicesop.cli.documents import DocumentError, read_documents, read_yaml
from servicesop.cli.files import UnreadableError, read_text
from servicesop.simulate.cases import Suite
from servicesop.simulate.names import unknown_names
from servicesop.simulate.story import Subject

DEFAULT_NAMESPACE = "default"


class SuiteError(Exception):
    """Nothing was tested; each of the `faults` is a line for the person."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__()
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """A file of tests, and the SOP that they are about."""

    path: Path
    sop: Path
    suite: Suite
    subject: Subject


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file of tests that cannot be run."""

    path: Path
    faults: tuple[str, ...]
    """Why; each is a line for the person, and begins with the path."""


def find_suites(paths: Iterable[Path]) -> tuple[SuiteFile | RefusedFile, ...]:
    """Read files of tests, and all of a directory. Raise SuiteError where there are none."""
    found: list[SuiteFile | RefusedFile] = []
    subjects: dict[Path, Subject] = {}
    for path, named in _files(paths):
        try:
            suite = _read(path, named, subjects)
        except SuiteError as wrong:
            found.append(RefusedFile(path, wrong.faults))
        else:
            found += [suite] if suite is not None else []
    if not found:
        raise SuiteError(["there are no tests; a file of tests has the fields sop and tests"])
    return tuple(found)


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Give the files, and whether each was named itself."""
    for path in paths:
        if path.is_dir():
            yield from ((one, False) for one in sorted(path.rglob("*.y*ml")) if one.is_file())
        else:
            yield path, True


def _read(path: Path, named: bool, subjects: dict[Path, Subject]) -> SuiteFile | None:
    """Read one file; None for one of a directory that holds Kubernetes objects or a patch.

    `subjects` are the SOPs that were read already, by file; most have several files of tests.
    """
    try:
        value, *more = read_yaml(read_text(str(path))) or [None]
    except UnreadableError as unable:
        raise SuiteError([str(unable)]) from None
    except DocumentError as wrong:
        raise SuiteError(f"{path}: {fault}" for fault in wrong.faults) from None
    if isinstance(value, list) and not named:
        return None
    if not isinstance(value, dict):
        raise SuiteError([f"{path}: a file of tests must be a map with sop and tests"])
    if not named and not value.keys() & {"sop", "tests"}:
        if value.keys() & {"kind", "resources"}:
            return None
        raise SuiteError([f"{path}: a file of tests must have the fields sop and tests"])
    if more:
        raise SuiteError([f"{path}: a file of tests is one YAML document; split it"])
    suite = _suite(path, value)
    sop = path.parent / suite.sop
    whole = sop.resolve()
    if whole not in subjects:
        subjects[whole] = _subject(path, sop)
    subject = subjects[whole].in_mode(suite.mode)
    unknown = list(unknown_names(suite, subject.spec))
    if unknown:
        raise SuiteError(f"{path}: {one}" for one in unknown)
    return SuiteFile(path, sop, suite, subject)


def _suite(path: Path, value: Mapping[str, Any]) -> Suite:
    try:
        return Suite.model_validate(value)
    except ValidationError as invalid:
        faults = [fault(one, value) for one in faults_of(invalid)]
        raise SuiteError(f"{path}: {one}" for one in dict.fromkeys(faults)) from None


def _subject(path: Path, sop: Path) -> Subject:
    try:
        documents = read_documents(read_text(str(sop)))
    except UnreadableError as unable:
        raise SuiteError([f"{path}: sop: {unable}"]) from None
    except DocumentError as wrong:
        raise SuiteError(f"{path}: sop: {sop}: {one}" for one in wrong.faults) from None
    if len(documents) != 1:
        names = ", ".join(one.name for one in documents)
        raise SuiteError([f"{path}: sop: {sop} must hold one ServiceSOP; it holds {names}"])
    (one,) = documents
    return Subject(one.name, one.namespace or DEFAULT_NAMESPACE, one.spec)


def fault(detail: ErrorDetails, value: Mapping[str, Any]) -> str:
    """Say what is wrong in a file of tests, and where: the test's name, and the field in it."""
    where, way = "", detail["loc"]
    match way:
        case ("tests", int() as number, *rest):
            case = value["tests"][number]
            name = case.get("name") if isinstance(case, dict) else None
            where = f"test {name!r}: " if name else f"tests[{number}]: "
            way = tuple(rest)
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in way).lstrip(".")
    match detail["type"]:
        case "extra_forbidden":
            message = f"there is no such field; there are {', '.join(_fields(detail['loc']))}"
        case "missing":
            message = "must be given"
        case "enum" | "literal_error":
            message = f"must be {detail['ctx']['expected']}"
        case _:
            message = plainly(detail)
    return f"{where}{path}: {message}" if path else f"{where}{message}"


def _fields(loc: Sequence[int | str]) -> list[str]:
    """Give the fields that the model has in which an unknown one stands."""
    model: type[BaseModel] = Suite
    for part in loc[:-1]:
        field = next(
            (one for name, one in model.model_fields.items() if part in (name, one.alias)), None
        )
        if field is not None:
            model = _model_in(field.annotation) or model
    return [one.alias or name for name, one in model.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((one for each in get_args(annotation) if (one := _model_in(each))), None)
