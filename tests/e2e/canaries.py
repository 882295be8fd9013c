"""Values that occur nowhere else, and the search for them in whatever dress they come."""

import base64
import secrets

# No hex digits: behind a '%' a canary must not turn into a byte when something decodes it.
_ALPHABET = "ghjkmnpqrstvwxyz"
_LENGTH = 16


class Canaries:
    """Canaries by the place where each one sits.

    They are letters alone, so that quoting, escaping and URL-encoding leave them as they are.
    """

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def new(self, place: str) -> str:
        """Give a new canary for a place."""
        canary = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        self._places[canary] = place
        return canary

    def awkward(self, place: str) -> str:
        """Give a text with all that splits a URL or a connection string, canaries in between."""
        first, *others = (self.new(f"{place}, part {part}") for part in range(1, 8))
        signs = "@:/%'\""
        return first + "".join(sign + canary for sign, canary in zip(signs, others, strict=True))

    def found_in(self, text: str) -> list[str]:
        """Give the places, and the dress, of all canaries in a text."""
        lower = text.lower()
        return sorted(
            f"{place} ({dress})"
            for canary, place in self._places.items()
            for dress, needle in _dresses(canary).items()
            # Base64 alone tells upper from lower case.
            if needle in (text if dress.startswith("base64") else lower)
        )


def _dresses(canary: str) -> dict[str, str]:
    raw = canary.encode()
    return {
        "raw": canary,
        "URL-encoded": "".join(f"%{byte:02x}" for byte in raw),
        "hex": raw.hex(),
        **{f"base64, offset {offset}": _base64(raw, offset) for offset in range(3)},
    }


def _base64(raw: bytes, offset: int) -> str:
    """Encode as in the middle of a longer text, without what the neighbours have a part in."""
    encoded = base64.b64encode(bytes(offset) + raw).decode()
    return encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
