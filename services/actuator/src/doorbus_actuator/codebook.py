"""The hashes of PINs and tags that a door holds codes against."""

import hashlib
from collections import Counter

import structlog

from doorbus.wire.codec import Refused, parse_json
from doorbus.wire.credentials import digest
from doorbus.wire.messages import HashedCredential, HashedCredentials

_log = structlog.get_logger("doorbus.actuator")
_MOST_SALTS = 4
"""A hash is computed for each, and one takes a Pi Zero a second."""
_KEPT = 2
"""What has come last, and what came before it: a payload and the manifest that names it do not come at once."""


class Codebook:
    """Takes the hashes that the roster's manifest names, and none beside them."""

    def __init__(self) -> None:
        self._came: dict[str, bytes] = {}
        self._named: str | None = None
        self._read: str | None = None
        self._known: dict[tuple[str, str], HashedCredential] = {}
        self._salts: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many codes there are."""
        return len(self._known)

    def came(self, payload: bytes) -> None:
        """Keep a payload until the manifest names it."""
        if payload:
            kept = {**self._came, hashlib.sha256(payload).hexdigest(): payload}
            self._came = dict(list(kept.items())[-_KEPT:])
            self._turn_to()

    def named(self, credentials: str | None) -> None:
        """The manifest names a payload by its SHA-256, or none."""
        self._named = credentials
        self._turn_to()

    def problem(self) -> str | None:
        """Why codes open nothing although there are some."""
        if self._named is None or self._read == self._named:
            return None
        return "the hashes of PINs and tags have not come, so that no code opens; is the enroller running?"

    def find(self, code: str) -> HashedCredential | None:
        """Whose a code is that is `normal`, if anybody's; takes as long as a hash does."""
        hashes = ((salt, digest(code, salt)) for salt in self._salts)
        return next((found for each in hashes if (found := self._known.get(each)) is not None), None)

    def _turn_to(self) -> None:
        if self._named == self._read:
            return
        payload = None if self._named is None else self._came.get(self._named)
        credentials: tuple[HashedCredential, ...] = ()
        if payload is not None:
            try:
                credentials = parse_json(HashedCredentials, payload).credentials
            except Refused as refused:
                _log.error("codes_unreadable", why=str(refused))
        self._read = self._named if payload is not None or self._named is None else None
        self._known = {(each.salt, each.hash): each for each in credentials}
        salts = Counter(each.salt for each in credentials)
        self._salts = tuple(salt for salt, _ in salts.most_common(_MOST_SALTS))
