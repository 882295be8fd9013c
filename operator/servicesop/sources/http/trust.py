"""Whose certificates are trusted. There is no way to trust everybody."""

import ssl
from functools import lru_cache

# Building one reads the system's whole bundle, which takes longer than most exchanges.
_KEPT = 64


@lru_cache(maxsize=_KEPT)
def trust(authorities: str | None = None) -> ssl.SSLContext:
    """Trust these certificates in PEM form and nobody else; None: whom the system trusts.

    Raise ssl.SSLError or ValueError when they are no certificates.
    """
    if authorities is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authorities)
    return context
