"""Tables of text for a terminal. Pure."""

from collections.abc import Sequence

from servicesop.cli.junit import plain


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Align the columns as kubectl does; the last one may be as long as it is."""
    shown = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    return "\n".join(lines) + "\n"
