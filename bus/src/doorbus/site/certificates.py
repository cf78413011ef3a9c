"""A site's own certificates: its authority, the broker's, the clients', and what was revoked.

Elliptic curve P-256 throughout. What Python 3.13 and newer check strictly (RFC 5280: basic constraints, key usage, key
identifiers) is there.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
LEAF_DAYS = 825
"""The longest that Apple's systems accept of a server's certificate."""
_HOST = re.compile(r"(?=.{1,253}$)(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_EARLIER = timedelta(days=1)
"""Certificates begin a day before they are made, because the clock of another machine may be behind."""


class CertificateError(ValueError):
    """Something is no certificate or key of this site; the text says what."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str


def new_authority(site: str, now: datetime) -> Pair:
    """A self-signed authority that may sign certificates and revocations, but no further authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(site)
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return _signed(builder, key, key)


class Authority:
    """Signs for one site. Raises `CertificateError` when `pair` is not a certificate and its key."""

    def __init__(self, pair: Pair) -> None:
        self._certificate, self._key = _loaded(pair)

    def server(self, names: Iterable[str], now: datetime) -> Pair:
        """A certificate for a server that is reached under `names`; `CertificateError` when one is no name."""
        names = tuple(map(name_of, names))
        alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
        return self._leaf(names[0], ExtendedKeyUsageOID.SERVER_AUTH, now, alternatives)

    def client(self, user: str, now: datetime) -> Pair:
        """A certificate for the user of that name."""
        return self._leaf(user, ExtendedKeyUsageOID.CLIENT_AUTH, now, None)

    def revocations(self, serials: Iterable[int], now: datetime) -> str:
        """The list of revoked certificates, PEM; valid as long as the authority."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self._certificate.subject,
            last_update=now - _EARLIER,
            next_update=self._certificate.not_valid_after_utc,
        )
        for serial in serials:
            one = x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=now).build()
            builder = builder.add_revoked_certificate(one)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def _leaf(
        self, name: str, purpose: x509.ObjectIdentifier, now: datetime, alternatives: x509.SubjectAlternativeName | None
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        days = min(LEAF_DAYS, (self._certificate.not_valid_after_utc - now).days)
        builder = _builder(_name(name), self._certificate.subject, key.public_key(), now, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(digital_signature=True), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return _signed(builder, key, self._key)


@dataclass(frozen=True)
class About:
    """What a certificate says of itself."""

    names: frozenset[str]
    """Host names and addresses that it is for."""
    until: datetime
    serial: int


def about(certificate: str) -> About:
    """Read a certificate (PEM). Raises `CertificateError`."""
    try:
        one = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as error:
        raise CertificateError(f"not the PEM of a certificate: {error}") from None
    names: frozenset[str] = frozenset()
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = found.get_values_for_type(x509.IPAddress)
        names = frozenset([*found.get_values_for_type(x509.DNSName), *map(str, addresses)])
    except x509.ExtensionNotFound:
        pass
    return About(names, one.not_valid_after_utc.astimezone(UTC), one.serial_number)


def signed_by(certificate: str, authority: str) -> bool:
    """Whether the authority (PEM) signed the certificate (PEM)."""
    try:
        signer = x509.load_pem_x509_certificate(authority.encode())
        x509.load_pem_x509_certificate(certificate.encode()).verify_directly_issued_by(signer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def belong_together(pair: Pair) -> bool:
    """Whether the key is that of the certificate."""
    try:
        _loaded(pair)
    except CertificateError:
        return False
    return True


def name_of(server: str) -> str:
    """A host name or address as certificates have it. Raises `CertificateError`."""
    try:
        return str(ipaddress.ip_address(server))
    except ValueError:
        if not _HOST.fullmatch(server.lower()):
            raise CertificateError(
                f"{server!r}: neither a host name nor an address; names beyond ASCII are written xn--..."
            ) from None
        return server.lower()


def _loaded(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
        key = serialization.load_pem_private_key(pair.key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"not the PEM of a certificate and its key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise CertificateError("the key is not that of the certificate")
    return certificate, key


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Pair:
    pem = serialization.Encoding.PEM
    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(pem).decode()
    own = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return Pair(certificate, own)
