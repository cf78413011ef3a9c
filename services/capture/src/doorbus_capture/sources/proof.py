"""Has FFmpeg believe the camera that was checked here, and no other.

FFmpeg knows no fingerprints, and looks for no name where the address is a number. So the camera is met here first, by
the one rule; then FFmpeg is given the authorities, or the very certificate, and the name in it.
"""

import re
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from doorbus_capture.sources.source import SourceError
from doorbus_capture.sources.trust import Trust, complaint

_PORTS = {"https": 443, "rtsps": 322}
_NAME = re.compile(r"[A-Za-z0-9._ -]+")
"""A name that can stand among options; no wildcard."""


@contextmanager
def proof(url: str, trust: Trust, seconds: float) -> Iterator[dict[str, str]]:
    """FFmpeg's options for TLS to the server of `url`, good as long as this lasts; none where it speaks no TLS.

    Raises:
        SourceError: the server cannot be reached, or is not believed.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in _PORTS:
        yield {}
        return
    if not trust.checked:
        yield {"tls_verify": "0"}
        return
    server = (parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()])
    try:
        authorities, name = _met(server, trust, seconds)
    except ssl.SSLError as error:
        raise SourceError(complaint(error, server, seconds)) from None
    except OSError as error:
        raise SourceError(f"cannot be reached: {error.strerror or error}") from None
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(authorities)
        file.flush()
        options = {"tls_verify": "1", "ca_file": file.name}
        yield options if name is None else {**options, "verifyhost": name}


def _met(server: tuple[str, int], trust: Trust, seconds: float) -> tuple[str, str | None]:
    """The certificates that the server is to be checked against, in PEM, and the name to look for, if any."""
    context = trust.context()
    certificate, told = _shown(server, context, seconds)
    if trust.fingerprint is not None:
        own = ssl.DER_cert_to_PEM_cert(certificate)
        try:
            return own, _name(_shown(server, _only(own), seconds)[1])
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is one that FFmpeg does not take: {error.verify_message}"
            raise SourceError(f"{why}; snapshots and MJPEG can do with its fingerprint alone") from None
    authorities = "".join(ssl.DER_cert_to_PEM_cert(each) for each in context.get_ca_certs(binary_form=True))
    return authorities, _name(told) if _is_number(server[0]) else None


def _shown(server: tuple[str, int], context: ssl.SSLContext, seconds: float) -> tuple[bytes, dict[str, Any]]:
    with (
        socket.create_connection(server, seconds) as plain,
        context.wrap_socket(plain, server_hostname=server[0]) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b"", dict(secured.getpeercert() or {})


def _only(certificate: str) -> ssl.SSLContext:
    """What believes this certificate, whoever has signed it, and whatever name it bears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _name(told: dict[str, Any]) -> str | None:
    """A name that the certificate bears."""
    alternatives = [value for kind, value in told.get("subjectAltName", ()) if kind == "DNS"]
    common = [value for part in told.get("subject", ()) for kind, value in part if kind == "commonName"]
    return next((name for name in (*alternatives, *common) if _NAME.fullmatch(name)), None)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
