"""`servicesop lint`: what is wrong with SOPs beyond what the API server refuses."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from servicesop.api.base import API_VERSION, KIND
from servicesop.cli.documents import (
    Document,
    DocumentError,
    NoObjectError,
    Refused,
    place_of,
    read_sops,
)
from servicesop.cli.files import UnreadableError, name_of, read_text
from servicesop.cli.lint_results import Place, Report, as_json, as_sarif, as_text, exit_code
from servicesop.cli.options import output_option
from servicesop.lint.chain import INVALID, lint
from servicesop.lint.rules import Finding, Problem, Subject

if TYPE_CHECKING:
    from servicesop.api.sop import Spec

_FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
}
_SUFFIXES = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_FIELD = re.compile(r"(?:unknown field )?((?:metadata|spec)(?:\.\w+|\[\d+\])*)")


@click.command(
    name="lint",
    epilog="Exit code: 0 nothing found; 1 something found; 2 something cannot be read, or holds no"
    " SOP; the rest is looked at all the same.",
)
@click.argument("files", metavar="FILE|DIR...", nargs=-1, required=True)
@output_option(_FORMATS, "what is found")
def command(files: tuple[str, ...], output: str) -> None:
    """Say what is wrong with the SOPs in files (- is standard input) and directories.

    It asks no cluster. Of two SOPs with the same name the one that is given first is the base, and
    the other one an overlay of it, as kustomize has built it.
    """
    linter = _Linter()
    for file in files:
        linter.look(file)
    report = linter.report()
    for name, message in report.unread:
        click.echo(f"{name}: {message}", err=True)
    click.echo(_FORMATS[output](report), nl=False)
    sys.exit(exit_code(report))


class _Linter:
    """Goes through files, one after the other."""

    def __init__(self) -> None:
        self._bases: dict[str, Spec] = {}
        self._found: list[tuple[Place, Finding]] = []
        self._unread: list[tuple[str, str]] = []
        self._sops = 0

    def report(self) -> Report:
        """Give all that was found."""
        return Report(self._sops, tuple(self._found), tuple(self._unread))

    def look(self, file: str) -> None:
        """Look at a file, or at all files of a directory that hold SOPs."""
        before = self._sops, len(self._unread)
        if file != "-" and Path(file).is_dir():
            for path in _files(Path(file)):
                self._file(str(path), expected=False)
        else:
            self._file(file, expected=True)
        if (self._sops, len(self._unread)) == before:
            self._unread.append((name_of(file), f"there is no {KIND} of {API_VERSION} in it"))

    def _file(self, file: str, *, expected: bool) -> None:
        try:
            sops = read_sops(read_text(file))
        except UnreadableError as unable:
            said = str(unable).removeprefix(name_of(file)).strip()
            self._unread.append((name_of(file), said))
        except NoObjectError as wrong:
            # A directory may hold YAML of another kind.
            self._unread += [(name_of(file), str(wrong))] * expected
        except DocumentError as wrong:
            self._unread.append((name_of(file), str(wrong)))
        else:
            for sop in sops:
                self._sops += 1
                self._found += self._findings(name_of(file), sop)

    def _findings(self, file: str, sop: Document | Refused) -> Iterator[tuple[Place, Finding]]:
        for finding in _invalid(sop) if isinstance(sop, Refused) else self._linted(sop):
            line, column = place_of(sop.node, _parts(finding.problem.path))
            yield Place(file, line, column, sop.name), finding

    def _linted(self, sop: Document) -> Iterator[Finding]:
        subject = Subject(sop.name, sop.spec, self._bases.get(sop.name))
        self._bases.setdefault(sop.name, sop.spec)
        yield from lint(subject)


def _invalid(sop: Refused) -> Iterator[Finding]:
    for fault in sop.faults:
        field = _FIELD.match(fault)
        yield Finding(INVALID, Problem(field[1] if field else "", fault))


def _parts(path: str) -> Sequence[str | int]:
    """Take a path apart: `spec.checks[2]` is spec, checks, 2."""
    found = re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)
    return [int(index) if index else name for index, name in found]


def _files(directory: Path) -> Iterator[Path]:
    """Give the files of a directory and below, but not the patches of a kustomization.

    A patch is a part of an SOP; it is looked at in what kustomize builds with it.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    patches = {patch for path in files if path.name in _KUSTOMIZATIONS for patch in _patches(path)}
    for path in files:
        is_meant = path.suffix in _SUFFIXES and path.name not in _KUSTOMIZATIONS
        if is_meant and path.resolve() not in patches:
            yield path


def _patches(kustomization: Path) -> Iterator[Path]:
    try:
        content = yaml.safe_load(read_text(str(kustomization)))
    except (UnreadableError, yaml.YAMLError):
        return
    if not isinstance(content, dict):
        return
    listed = [*(content.get("patches") or ()), *(content.get("patchesStrategicMerge") or ())]
    for one in listed:
        path = one.get("path") if isinstance(one, dict) else one
        if isinstance(path, str) and "\n" not in path:
            yield (kustomization.parent / path).resolve()
