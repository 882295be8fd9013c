"""Reads certificates of authorities out of Secrets and ConfigMaps. Pure."""

import ssl

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.http.trust import trust

# The bundle of a large cloud for all its regions has 165 KiB.
_MAX_CA = 512 * 1024


def authorities(data: bytes, where: str) -> str:
    """Give certificates in PEM form as text.

    Raise SourceError with InvalidCertificateAuthority, whose message says `where` they were.
    """
    try:
        # At most what fits, so that nobody has megabytes parsed.
        text = data[: _MAX_CA + 1].decode("ascii")
        if len(text) > _MAX_CA:
            raise ValueError
        trust(text)
    except (ValueError, ssl.SSLError):
        # UnicodeDecodeError is a ValueError.
        pass
    else:
        return text
    raise SourceError(
        UnknownReason.INVALID_CERTIFICATE_AUTHORITY,
        f"{where} must hold one or more certificates in PEM form"
        f" (-----BEGIN CERTIFICATE-----), at most {_MAX_CA // 1024} KiB",
    )
