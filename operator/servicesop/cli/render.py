"""`servicesop render`: an SOP as the page that people read."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from servicesop.app.applied import applied
from servicesop.app.loop import new_event_loop
from servicesop.app.once import ClusterError
from servicesop.cli.documents import Document
from servicesop.cli.files import UnreadableError
from servicesop.cli.person import NamespaceError, asks_a_cluster, namespace_of
from servicesop.cli.sops import documents_of
from servicesop.render.live import live_state
from servicesop.render.page import Sop, runbook
from servicesop.sources.kubernetes.access import Access, AccessError

BAD_INPUT = 2


class CannotRenderError(click.ClickException):
    """No page was written; the message says why."""

    exit_code = BAD_INPUT


@click.command(
    epilog="Exit code: 0 the page was written; 2 it was not: wrong usage, an SOP that cannot be"
    " read or is not valid; with --live also no kubeconfig, no cluster."
)
@click.argument("file", metavar="SOP.yaml")
@click.option("--live", is_flag=True, help="Add what the SOP that is applied in the cluster says.")
@asks_a_cluster
def render(
    file: str, live: bool, kubeconfig: Path | None, context: str | None, namespace: str | None
) -> None:
    """Write the SOPs in a file (- is standard input) as runbooks in Markdown.

    The page has what the SOP has: impact, summary, access, secrets, steps, how to handle and whom
    to call; and beside each check and action the command with which a person does it by hand.

    Without --live nothing is asked, and the same file always gives the same page.
    """
    logging.basicConfig(level="ERROR", format="%(message)s")
    try:
        documents = documents_of(file)
        if not live:
            pages = [runbook(_sop(document, namespace)) for document in documents]
        else:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                pages = runner.run(_live(documents, kubeconfig, context, namespace))
    except (AccessError, ClusterError, NamespaceError, UnreadableError) as unable:
        raise CannotRenderError(str(unable)) from None
    click.echo("\n".join(pages), nl=False)


def _sop(document: Document, namespace: str | None) -> Sop:
    return Sop(document.name, namespace or document.namespace, document.spec)


async def _live(
    documents: Sequence[Document], kubeconfig: Path | None, context: str | None, given: str | None
) -> list[str]:
    access = await Access.of_person(kubeconfig, context)
    pages = []
    for document in documents:
        namespace = namespace_of(given, document.namespace, access)
        found = await applied(access, namespace, document.name)
        state = live_state(document.spec, (namespace, document.name), found, datetime.now(UTC))
        pages.append(runbook(_sop(document, namespace), live=state))
    return pages
