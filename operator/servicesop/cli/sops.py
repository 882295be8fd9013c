"""Reads the SOPs of the file that a command is given."""

from servicesop.cli.documents import Document, DocumentError, read_documents
from servicesop.cli.files import UnreadableError, name_of, read_text


def documents_of(file: str) -> tuple[Document, ...]:
    """Give the SOPs in a file; `-` is standard input. Raise UnreadableError."""
    try:
        return read_documents(read_text(file))
    except DocumentError as wrong:
        said = "\n".join(f"{name_of(file)}: {fault}" for fault in wrong.faults)
        raise UnreadableError(said) from None
