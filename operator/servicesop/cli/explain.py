"""`servicesop explain`: which row of a decision table wins, and why."""

import click

from servicesop.api.status import Tri
from servicesop.cli.documents import Document
from servicesop.cli.files import UnreadableError, name_of
from servicesop.cli.sops import documents_of
from servicesop.cli.tables import aligned
from servicesop.decide.explanation import Explanation, GivenError, explain, suppose

_HAPPENING = {Tri.TRUE: "happening", Tri.FALSE: "not happening", Tri.UNKNOWN: "unknown"}


BAD_INPUT = 2


class CannotExplainError(click.ClickException):
    """Nothing was explained; the message says why."""

    exit_code = BAD_INPUT


@click.command(
    name="explain",
    epilog="Exit code: 0 explained; 2 wrong usage, or an SOP that cannot be read or is not valid.",
)
@click.argument("file", metavar="SOP.yaml")
@click.option(
    "--given",
    default="",
    metavar="RESULT,...",
    help="What the checks say: CHECK=Passed, Failed, Inconclusive, Error or Pending, or"
    " CHECK/FINDING for a check that has failed with it. What is not given has passed.",
)
@click.option(
    "--procedure",
    metavar="NAME",
    help="Explain only this procedure; without it all that are happening or unknown.",
)
def command(file: str, given: str, procedure: str | None) -> None:
    """Say what the tables of an SOP (- is standard input) decide when its checks say this.

    The table is the operator's own. Time is left out: whatever has to last has lasted. So are the
    guards: whether an action would be allowed depends on its target.
    """
    document = _document(file)
    try:
        checks = suppose(document.spec, [one.strip() for one in given.split(",") if one.strip()])
    except GivenError as wrong:
        raise click.UsageError(str(wrong)) from None
    told = list(explain(document.spec, checks))
    if procedure is not None:
        names = [name for one in told for name in one.titles]
        if procedure not in names:
            known = ", ".join(names)
            raise click.UsageError(f"there is no procedure {procedure}; there are {known}")
        told = [one for one in told if procedure in one.titles]
    else:
        told = [one for one in told if one.happening is not Tri.FALSE] or told
    click.echo("\n".join(_shown(one) for one in told), nl=False)


def _document(file: str) -> Document:
    try:
        documents = documents_of(file)
    except UnreadableError as unable:
        raise CannotExplainError(str(unable)) from None
    if len(documents) > 1:
        names = ", ".join(one.name for one in documents)
        raise CannotExplainError(
            f"{name_of(file)} holds several SOPs ({names}); give one at a time"
        )
    return documents[0]


def _shown(one: Explanation) -> str:
    head = f"{' = '.join(one.titles)}: {_HAPPENING[one.happening]}; {one.because}\n"
    if not one.outcome:
        return head
    rows = [[row.name, row.says or "-", row.rests_on or "-"] for row in one.rows]
    return f"{head}{one.outcome}\n{aligned([['ROW', 'WHEN', 'BECAUSE'], *rows])}"
