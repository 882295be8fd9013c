"""The only exceptions that leave a source when it cannot answer."""

from servicesop.api.reasons import UnknownReason


class SourceError(Exception):
    """A source could not be asked.

    `message` is one of our own sentences: it names the thing that the SOP's author named (a Secret,
    a table), says what to do next, and never holds the text of another exception.
    """

    def __init__(self, reason: UnknownReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class DoubtError(Exception):
    """A source has answered, and warns of its own answer; `message` is a sentence of ours."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PodGone(Exception):  # noqa: N818 - a state of the pod, as a log's reader sees it
    """There is no such pod any more, and its logs are gone with it."""
