"""Reads the SOPs of the file that a command is given."""

import sys
from pathlib import Path

from servicesop.cli.documents import MAX_BYTES, Document, DocumentError, read_documents


class UnreadableError(Exception):
    """The file holds no SOPs that can be used; the message is for the person."""


def documents_of(file: str) -> tuple[Document, ...]:
    """Give the SOPs in a file; `-` is standard input. Raise UnreadableError."""
    shown = "standard input" if file == "-" else file
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UnreadableError(f"{shown} is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return read_documents(content.decode("utf-8"))
    except OSError as unable:
        raise UnreadableError(f"{shown} cannot be read: {unable.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{shown} is not UTF-8 text") from None
    except DocumentError as wrong:
        raise UnreadableError("\n".join(f"{shown}: {fault}" for fault in wrong.faults)) from None
