"""`servicesop new`: a first draft of an SOP."""

import re
from pathlib import Path

import click

from servicesop.api.validation import valid_spec
from servicesop.skeleton.draft import Draft, draft_of, empty_draft
from servicesop.skeleton.written import written

BAD_INPUT = 2
MAX_BYTES = 1024 * 1024
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
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PAGE.md",
    help="Make it from this page: a section becomes a procedure, its steps become manual steps.",
)
def new(name: str, page: Path | None) -> None:
    """Write a draft of the SOP of the service NAME to standard output.

    The draft is valid, and does nothing: its one check is a suspended placeholder. What of a page
    did not fit is said on standard error.
    """
    if not re.fullmatch(_NAME, name):
        raise CannotDraftError(
            f"{name!r} is no name for an SOP: up to 63 lower case letters, digits and '-', starting"
            " and ending with a letter or digit"
        )
    draft = empty_draft(name) if page is None else draft_of(name, _text_of(page))
    valid_spec(draft.spec)
    click.echo(written(name, draft.spec), nl=False)
    if page is not None:
        click.echo(_said(draft), err=True)


def _text_of(page: Path) -> str:
    try:
        with page.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise CannotDraftError(f"{page} is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return content.decode("utf-8-sig")
    except OSError as unable:
        raise CannotDraftError(f"{page} cannot be read: {unable.strerror}") from None
    except UnicodeDecodeError:
        raise CannotDraftError(f"{page} is not UTF-8 text") from None


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
