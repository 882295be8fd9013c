"""`servicesop check`: run an SOP's checks once, with the rights of whoever runs it."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from servicesop.api.checks.check import Check
from servicesop.app.loop import new_event_loop
from servicesop.app.once import ClusterError, Result, Sop, run_once
from servicesop.cli.documents import Document
from servicesop.cli.files import UnreadableError
from servicesop.cli.options import ENDPOINTS, AddressType, output_option
from servicesop.cli.person import NamespaceError, asks_a_cluster, namespace_of
from servicesop.cli.progress import Progress
from servicesop.cli.results import Report, as_json, as_junit, exit_code, table
from servicesop.cli.sops import documents_of
from servicesop.engine.defects import describe
from servicesop.sources.kubernetes.access import Access, AccessError
from servicesop.sources.postgres.session import scrub_environment
from servicesop.sources.prometheus.endpoints import Endpoint

CANNOT_RUN = 3
INTERRUPTED = 130

_FORMATS: dict[str, Callable[[Report], str]] = {
    "table": table,
    "json": as_json,
    "junit": as_junit,
}


class CannotRunError(click.ClickException):
    """Nothing was checked; the message says why."""

    exit_code = CANNOT_RUN


class _WrongUsageError(click.UsageError):
    exit_code = CANNOT_RUN


class _Command(click.Command):
    """Wrong usage must not look like the code 2 of an unknown check."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as wrong:
            raise _WrongUsageError(wrong.format_message(), ctx) from None


@click.command(
    cls=_Command,
    epilog="Exit code: 0 all checks passed; 1 a check failed; 2 none failed, but a check is unknown"
    " (Inconclusive, Error, or not run); 3 nothing was checked: wrong usage, an SOP that cannot be"
    " read or is not valid, no kubeconfig, no cluster; 130 interrupted.",
)
@click.argument("file", metavar="SOP.yaml")
@click.option(
    "--check",
    "names",
    multiple=True,
    metavar="NAME",
    help="Run only this check, also if it is suspended, and those that it depends on; repeatable.",
)
@output_option(_FORMATS, "the results")
@asks_a_cluster
@click.option(
    "--allow-dial",
    type=AddressType(),
    multiple=True,
    help="Connect to this HOST:PORT although it is loopback or the like, such as the local end of"
    " `kubectl port-forward`; repeatable.",
)
@ENDPOINTS
def check(
    file: str,
    names: tuple[str, ...],
    output: str,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
    allow_dial: tuple[tuple[str, int], ...],
    endpoints: tuple[Endpoint, ...] | None,
) -> None:
    """Run the checks of the SOPs in a file (- is standard input) once, and print the results.

    It asks with your own rights, changes nothing, and needs neither the operator nor its resource
    type in the cluster. All ServiceSOPs in the file are run; objects of other kinds are left out.

    One run is one sample of each check: `for` and `recoverFor` are not applied.
    """
    logging.basicConfig(level="ERROR", format="%(message)s")
    try:
        documents = _chosen(documents_of(file), names)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            report = runner.run(
                _run(documents, names, kubeconfig, context, namespace, allow_dial, endpoints or ())
            )
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (AccessError, ClusterError, NamespaceError, UnreadableError) as unable:
        raise CannotRunError(str(unable)) from None
    click.echo(_FORMATS[output](report), nl=False)
    sys.exit(exit_code(report))


def _chosen(documents: Sequence[Document], names: Sequence[str]) -> tuple[Document, ...]:
    """Give the SOPs that have one of the checks, or all where none is named."""
    known = {one.name for document in documents for one in document.spec.checks}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CannotRunError(
            f"there is no check {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )
    return tuple(
        document
        for document in documents
        if not names or any(one.name in names for one in document.spec.checks)
    )


async def _run(
    documents: Sequence[Document],
    names: Sequence[str],
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
    allow_dial: Sequence[tuple[str, int]],
    endpoints: Sequence[Endpoint],
) -> Report:
    scrub_environment(os.environ)
    access = await Access.of_person(kubeconfig, context)
    sops = [
        Sop(
            namespace_of(namespace, document.namespace, access),
            document.name,
            document.spec,
            frozenset(names),
        )
        for document in documents
    ]
    progress = Progress([one.name for sop in sops for one in sop.checks])
    started, began = datetime.now(UTC), time.monotonic()
    async with progress.shown():
        results = await run_once(
            access,
            sops,
            allow_dial=allow_dial,
            endpoints=endpoints,
            on_result=lambda result: _told(progress, result),
            on_defect=_defect,
        )
    return Report(started, time.monotonic() - began, results)


def _told(progress: Progress, result: Result) -> None:
    progress.done(result.check.name)


def _defect(check: Check, defect: Exception) -> None:
    click.echo(f"defect in the check {check.name}: {describe(defect)}", err=True)
