"""Why an exchange over HTTP failed: a closed set, and never the text of an exception."""

import errno
import ssl
from dataclasses import dataclass
from enum import Enum

import aiohttp

from servicesop.api.reasons import UnknownReason


@dataclass(frozen=True, slots=True)
class _Meaning:
    reason: UnknownReason
    words: str


class Kind(Enum):
    """What went wrong, seen from the client.

    `reason` is why a check cannot tell, where the server is what it asks and not what it judges;
    `words` end a sentence that begins with the server's name.
    """

    TIMEOUT = _Meaning(UnknownReason.TIMED_OUT, "does not answer in time")
    REFUSED = _Meaning(UnknownReason.UNREACHABLE, "refuses connections")
    RESET = _Meaning(UnknownReason.UNREACHABLE, "ends connections in the middle")
    UNREACHABLE = _Meaning(UnknownReason.UNREACHABLE, "cannot be reached from the operator's pod")
    CERTIFICATE_EXPIRED = _Meaning(
        UnknownReason.CERTIFICATE_NOT_TRUSTED, "has a certificate that has expired"
    )
    CERTIFICATE_NOT_TRUSTED = _Meaning(
        UnknownReason.CERTIFICATE_NOT_TRUSTED,
        "has a certificate that is signed by nobody who is trusted",
    )
    CERTIFICATE_NAME_MISMATCH = _Meaning(
        UnknownReason.CERTIFICATE_NAME_MISMATCH, "has a certificate for another name"
    )
    TLS_FAILED = _Meaning(UnknownReason.TLS_FAILED, "does not manage to encrypt")
    MALFORMED = _Meaning(UnknownReason.BAD_ANSWER, "answers what is no HTTP")

    @property
    def reason(self) -> UnknownReason:
        """Why a check that needs this answer cannot tell."""
        return self.value.reason

    @property
    def words(self) -> str:
        """The predicate of a sentence about the server."""
        return self.value.words


class HttpFailure(Exception):  # noqa: N818 - what the server did, not what is wrong with us
    """There is no answer. Its message is made from `kind` alone."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind.words)
        self.kind = kind


_OF_NUMBER = {
    errno.ECONNREFUSED: Kind.REFUSED,
    errno.ECONNRESET: Kind.RESET,
    errno.ECONNABORTED: Kind.RESET,
    errno.EPIPE: Kind.RESET,
    errno.ETIMEDOUT: Kind.TIMEOUT,
}
# From OpenSSL's x509_vfy.h.
_EXPIRED = 10
_NAMES = frozenset({62, 64})


def kind_of(error: aiohttp.ClientError | OSError) -> Kind:
    """Classify what aiohttp raises, by types and numbers alone: its texts repeat what it sent."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _of_certificate(error.certificate_error)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Kind.TLS_FAILED
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return Kind.RESET
        case OSError():
            # Any other number is of this machine or the way: no route, no port, not permitted.
            return _OF_NUMBER.get(error.errno or 0, Kind.UNREACHABLE)
        case _:
            return Kind.MALFORMED


def _of_certificate(error: Exception) -> Kind:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code == _EXPIRED:
        return Kind.CERTIFICATE_EXPIRED
    if code in _NAMES:
        return Kind.CERTIFICATE_NAME_MISMATCH
    return Kind.CERTIFICATE_NOT_TRUSTED
