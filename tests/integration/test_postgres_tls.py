"""TLS on real servers: 13 requires it, 16 and 18 cannot do it."""

from pathlib import Path

import pytest
import trustme

from integration.reader import ENCRYPTED, Reader
from servicesop.api.reasons import UnknownReason
from servicesop.sources.dial import DialGuard
from testbed import Version

V13, V16 = (
    pytest.param(version, marks=pytest.mark.databases) for version in (Version.V13, Version.V16)
)
WITH_TLS = pytest.mark.parametrize("postgres", [V13], indirect=True)
WITHOUT_TLS = pytest.mark.parametrize("postgres", [V16, Version.V18], indirect=True)
OTHERS = trustme.CA().cert_pem.bytes()


def called(reader: Reader, name: str) -> None:
    """Let the Secret name the server by this host name."""
    reader.secret["host"] = name.encode()
    exception = frozenset({(name, reader.server.port)})
    reader.databases._guard = DialGuard(exception, resolve=_loopback)


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


async def _loopback(host: str, port: int, **options: object) -> list[tuple[object, ...]]:
    return [(2, 1, 6, "", ("127.0.0.1", port))]


@WITH_TLS
@pytest.mark.parametrize("name", ["127.0.0.1", "database.test"])
async def test_the_right_authority_and_name_are_verified(reader: Reader, name: str) -> None:
    called(reader, name)
    assert await reader.ask(ENCRYPTED) == [(True,)]


@WITH_TLS
async def test_one_of_several_authorities_is_enough(reader: Reader) -> None:
    reader.secret["ca"] = OTHERS + b"\n# ours\n" + reader.secret["ca"]
    assert await reader.ask(ENCRYPTED) == [(True,)]


@WITH_TLS
async def test_an_authority_that_did_not_sign_is_refused(reader: Reader) -> None:
    reader.secret["ca"] = OTHERS
    failure = await reader.refused()
    assert failure.reason is UnknownReason.CERTIFICATE_NOT_TRUSTED
    assert failure.message == (
        'Secret "orders-db": the database\'s certificate is not signed by an authority in the '
        "Secret's key for the CA, or has expired; correct that key, or renew the server's "
        "certificate"
    )


@WITH_TLS
async def test_another_host_name_is_refused(reader: Reader) -> None:
    called(reader, "canary.test")
    failure = await reader.refused()
    assert failure.reason is UnknownReason.CERTIFICATE_NAME_MISMATCH
    assert failure.message == (
        'Secret "orders-db": the database\'s certificate is for another host name; correct the '
        "Secret's key for the host, or have the certificate issued for it"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"canary",
        b"\xff\xfe canary",
        b"-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n",
        OTHERS[:200],
        OTHERS.replace(b"CERTIFICATE", b"PUBLIC KEY"),
        trustme.CA().issue_cert("database.test").private_key_pem.bytes(),
        OTHERS * 2000,
        b"",
    ],
    ids=["no-pem", "no-text", "no-base64", "cut", "label", "key", "huge", "empty"],
)
async def test_what_is_no_certificate_is_told_before_anybody_is_asked(
    reader: Reader, text: bytes
) -> None:
    reader.secret["ca"] = text
    reader.way = {"keys": {"ca": "ca"}}
    failure = await reader.refused()
    assert failure.reason is UnknownReason.INVALID_CERTIFICATE_AUTHORITY
    assert failure.message == (
        'key "ca" of the Secret "orders-db" must hold one or more certificates in PEM form '
        "(-----BEGIN CERTIFICATE-----), at most 512 KiB"
    )


async def test_a_missing_key_for_the_authority_is_named(reader: Reader) -> None:
    reader.secret.pop("ca", None)
    reader.way = {"keys": {"ca": "db.ca_cert"}}
    failure = await reader.refused()
    assert failure.reason is UnknownReason.INVALID_CONNECTION
    assert failure.message == (
        'key "db.ca_cert" of the Secret "orders-db" is missing; add it, or name another one in keys'
    )


@WITHOUT_TLS
@pytest.mark.parametrize("way", [{"tls": "Require"}, {"keys": {"ca": "ca"}}], ids=["plain", "ca"])
async def test_a_server_without_tls_is_refused(reader: Reader, way: dict[str, object]) -> None:
    reader.secret["ca"] = OTHERS
    reader.way = way
    failure = await reader.refused()
    assert failure.reason is UnknownReason.TLS_NOT_OFFERED
    assert failure.message == (
        'Secret "orders-db": the database does not offer TLS; enable TLS there, or set tls: '
        "Disable, which sends the password and the rows in the clear"
    )


@WITH_TLS
async def test_require_encrypts_and_verifies_nothing(reader: Reader) -> None:
    called(reader, "canary.test")
    reader.way = {"tls": "Require"}
    assert await reader.ask(ENCRYPTED) == [(True,)]


@WITH_TLS
async def test_a_server_that_wants_tls_lets_nobody_in_without(reader: Reader) -> None:
    reader.way = {"tls": "Disable"}
    failure = await reader.refused()
    assert failure.reason is UnknownReason.AUTHENTICATION_FAILED
    assert "set tls: Require" in failure.message


@WITH_TLS
async def test_the_authorities_stay_in_no_file_and_in_no_descriptor(reader: Reader) -> None:
    before = descriptors()
    for wrong in (False, True):
        if wrong:
            reader.secret = reader.secret | {"ca": OTHERS}
            await reader.refused()
        else:
            await reader.ask("SELECT 1")
        reader.databases.close()
        assert descriptors() <= before
