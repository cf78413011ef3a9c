"""Certificates of made-up cameras."""

import hashlib
import ssl
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from doorbus.site.certificates import Authority, Pair, new_authority


class Shop:
    """Whoever hands out the certificates of cameras: an authority of its own, and where its files are."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._now = now
        self._pair = new_authority("cameras", now)
        self.file = folder / "authority.pem"
        self.file.write_text(self._pair.certificate)

    def camera(self, names: Iterable[str] = ("localhost", "127.0.0.1"), now: datetime | None = None) -> "Identity":
        """A certificate for these names."""
        return Identity(Authority(self._pair).server(names, now or self._now), self._folder)


def self_made(folder: Path, name: str) -> "Identity":
    """A certificate as cameras make it for themselves: signed by nobody else, and for no address of theirs."""
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={name}"
    made = subprocess.run([*command.split(), "-keyout", "-"], check=True, capture_output=True, text=True).stdout
    certificate = made[made.index("-----BEGIN CERTIFICATE") :]
    return Identity(Pair(certificate, made.replace(certificate, "")), folder)


class Identity:
    """A camera's certificate and key."""

    def __init__(self, pair: Pair, folder: Path) -> None:
        self._pair = pair
        self._folder = folder

    @property
    def fingerprint(self) -> str:
        """As a setting names it."""
        return f"sha256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(self._pair.certificate)).hexdigest()}"

    def context(self) -> ssl.SSLContext:
        """What a server with this certificate speaks TLS with."""
        file = self._folder / f"{self.fingerprint.removeprefix('sha256:')}.pem"
        file.write_text(self._pair.certificate + self._pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context
