"""The rule about secrets: they are never compared, since the SOP would have to hold them."""

import re
from collections.abc import Iterator

from servicesop.lint.rules import Problem, Subject

_SECRET = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential"
    r"|api[-_.]?key|private[-_.]?key|access[-_.]?key",
    re.IGNORECASE,
)
_NOT_THE_SECRET = re.compile(
    r"(url|endpoint|file|path|name|host|ttl|expiry|issuer|audience)$", re.IGNORECASE
)
"""What is said about a secret, and may be compared."""


def compared_secrets(subject: Subject) -> Iterator[Problem]:
    """Find values that are secret by their name and are compared."""
    for number, check in enumerate(subject.spec.checks):
        for index, value in enumerate(check.config.values if check.config else ()):
            name = value.env or value.argument or value.key or ""
            if value.compares and _SECRET.search(name) and not _NOT_THE_SECRET.search(name):
                yield Problem(
                    f"spec.checks[{number}].config.values[{index}]",
                    f"the check {check.name} compares {name}, which looks like a secret: then it"
                    " stands in the SOP for all to read",
                )
