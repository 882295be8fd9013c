"""Texts that fit the bounds of the fields they are written into."""


def fitted(text: str, length: int) -> str:
    """Give the text in at most `length` characters; what was cut off is shown as `...`."""
    if len(text) <= length:
        return text
    return text[: max(0, length - 3)] + "..."[:length]
