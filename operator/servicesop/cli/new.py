"""`servicesop new`: a first draft of an SOP."""

import re

import click

from servicesop.api.validation import valid_spec
from servicesop.cli.files import UnreadableError, read_text
from servicesop.skeleton.draft import Draft, draft_of, empty_draft
from servicesop.skeleton.written import written

BAD_INPUT = 2
_NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


class CannotDraftError(click.ClickException):
    """Nothing was written; the message says why."""

    exit_code = BAD_INPUT


@click.command(
    epilog="Exit code: 0 the draft was written; 2 it was not: wrong usage, or a page that cannot be"
    " read."
)
@click.argument("name")
@click.option(
    "--from",
    "page",
    metavar="PAGE.md",
    help="Make it from this page (- is standard input): a section becomes a procedure, its steps"
    " become manual steps.",
)
def new(name: str, page: str | None) -> None:
    """Write a draft of the SOP of the service NAME to standard output.

    The draft is valid, and does nothing: its one check is a suspended placeholder. What of a page
    did not fit is said on standard error.
    """
    if not re.fullmatch(_NAME, name):
        raise CannotDraftError(
            f"{name!r} is no name for an SOP: up to 63 lower case letters, digits and '-', starting"
            " and ending with a letter or digit"
        )
    try:
        draft = empty_draft(name) if page is None else draft_of(name, read_text(page))
    except UnreadableError as unable:
        raise CannotDraftError(str(unable)) from None
    valid_spec(draft.spec)
    click.echo(written(name, draft.spec), nl=False)
    if page is not None:
        click.echo(_said(draft), err=True)


def _said(draft: Draft) -> str:
    spec = draft.spec
    steps = sum("manual" in step for one in spec["procedures"] for step in one.get("steps", ()))
    found = (
        f"the draft has {_count(len(spec['procedures']), 'procedure')},"
        f" {_count(steps, 'manual step')}, {_count(len(spec.get('links', ())), 'link')},"
        f" {_count(len(spec['teams']), 'team')}"
    )
    return "\n".join([found, *draft.notes])


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)
