"""Whom to believe that they are the camera: one rule for every source that speaks TLS."""

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

UNCHECKED = "unchecked"
_FINGERPRINT = re.compile(r"(?:sha-?256[:= ]|sha256 Fingerprint=)?((?:[0-9a-f]{2}:?){32})", re.IGNORECASE)
_MEANT_AS_FINGERPRINT = re.compile(r"sha-?[0-9]+[:= ]|(?:[0-9a-f]{2}:){2}", re.IGNORECASE)


@dataclass(frozen=True)
class Trust:
    """Without anything: certificates are checked against this machine's authorities, as browsers do."""

    authorities: Path | None = None
    """A PEM file whose authorities are believed, and no others."""
    fingerprint: bytes | None = None
    """SHA-256 of the one certificate that is believed, whatever it says of itself."""
    checked: bool = True
    """Whether anything is checked at all."""

    @classmethod
    def parse(cls, text: str) -> "Trust":
        """What a setting means: nothing, a path, `sha256:` and a fingerprint, or `unchecked`.

        Raises:
            ValueError: there is no such file, or no certificate in it.
        """
        text = text.strip()
        if not text:
            return cls()
        if text == UNCHECKED:
            return cls(checked=False)
        if found := _FINGERPRINT.fullmatch(text):
            return cls(fingerprint=bytes.fromhex(found[1].replace(":", "")))
        if _MEANT_AS_FINGERPRINT.match(text):
            raise ValueError(
                "the fingerprint of a certificate is sha256: and 64 hexadecimal digits; get it with: "
                "openssl x509 -in FILE -noout -fingerprint -sha256"
            )
        trust = cls(authorities=Path(text))
        try:
            trust.context()
        except OSError as error:
            why = "no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise ValueError(f"{why}; give a file of authorities, sha256:FINGERPRINT or {UNCHECKED}") from None
        return trust

    def context(self) -> ssl.SSLContext:
        """What a connection to the camera is made with. Raises `OSError` when the file cannot be read."""
        if self.fingerprint is not None:
            return _pinned(self.fingerprint)
        if self.checked:
            return ssl.create_default_context(cafile=self.authorities)
        context = _anybody(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # there are cameras that know no better
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return context


def complaint(error: ssl.SSLError, server: tuple[str, int], seconds: float) -> str:
    """Why a camera was not believed, and the way out; `seconds` is the time for another look at its certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not trusted: {error.verify_message}"
    elif isinstance(error, NotTheOne):
        why = "it has another certificate than the one of the fingerprint"
    else:
        return f"does not speak TLS as it should ({error.reason or 'no reason given'})"
    certificate = seen(server, seconds)
    own = "" if certificate is None else f", or its own as sha256:{_digest(certificate).hex()} if that is the camera's"
    return f"{why}; DOORBUS_CAPTURE__CERTIFICATE takes the file of its authority{own}"


def seen(server: tuple[str, int], seconds: float) -> bytes | None:
    """The certificate that a host and port show at present, whoever that is, in DER; None when there is none."""
    context = Trust(checked=False).context()
    try:
        with (
            socket.create_connection(server, seconds) as plain,
            context.wrap_socket(plain, server_hostname=server[0]) as secured,
        ):
            return secured.getpeercert(binary_form=True)
    except OSError:
        return None


USUAL = Trust()


class NotTheOne(ssl.SSLError):
    """The other side has another certificate than the one that is believed."""


class _PinnedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # the standard library's signature
        super().do_handshake(block)
        assert isinstance(self.context, _PinnedContext)
        if _digest(self.getpeercert(binary_form=True)) != self.context.fingerprint:
            raise NotTheOne("another certificate than the one of the fingerprint")


class _PinnedContext(ssl.SSLContext):
    sslsocket_class = _PinnedSocket
    fingerprint: bytes


def _pinned(fingerprint: bytes) -> ssl.SSLContext:
    context = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.fingerprint = fingerprint
    return _anybody(context)


def _anybody(context: ssl.SSLContext) -> ssl.SSLContext:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _digest(certificate: bytes | None) -> bytes:
    return hashlib.sha256(certificate or b"").digest()
