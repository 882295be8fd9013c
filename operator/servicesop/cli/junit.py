"""What all reports in JUnit's XML share. Pure."""

from xml.etree import ElementTree


def document(root: ElementTree.Element) -> str:
    """Write the whole document."""
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def plain(text: str) -> str:
    """Keep names out of a terminal's control sequences, and what XML cannot hold out of it."""
    return "".join(each if each.isprintable() else "?" for each in text)
