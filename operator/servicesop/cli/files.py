"""Reads the files that people name on the command line."""

import sys
from pathlib import Path

MAX_BYTES = 16 * 1024 * 1024


class UnreadableError(Exception):
    """A file cannot be read; the message says which, and why."""


def name_of(file: str) -> str:
    """Give what a file is called in messages; `-` is standard input."""
    return "standard input" if file == "-" else file


def read_text(file: str) -> str:
    """Give the text of a file, or of standard input. Raise UnreadableError."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            size = MAX_BYTES // 1024 // 1024
            raise UnreadableError(f"{name_of(file)} is larger than {size} MiB")
        return content.decode("utf-8")
    except OSError as unable:
        raise UnreadableError(f"{name_of(file)} cannot be read: {unable.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{name_of(file)} is not UTF-8 text") from None
