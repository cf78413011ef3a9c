"""Passkeys of accounts (WebAuthn): made, asked for and checked. The only importer of webauthn."""

import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from doorbus_console.store import Passkey

SECONDS = 120.0
"""How long a challenge is good for."""
_MOST = 1000
"""Challenges that are remembered; anybody may ask for one."""


class NotConfirmed(Exception):  # noqa: N818  # an answer, not an error of the program
    """What a browser has sent is not the answer to a challenge of ours; the text says why."""


@dataclass(frozen=True)
class Party:
    """The console as authenticators know it: a `name` of the network, and the `origin` of its pages."""

    name: str
    origin: str

    @property
    def can_have_passkeys(self) -> bool:
        """Whether browsers make passkeys for it: not for a bare address."""
        try:
            ip_address(self.name.strip("[]"))
        except ValueError:
            return bool(self.name)
        return False


class Passkeys:
    """Challenges under way, each for one purpose and good once. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._challenges: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def to_make(self, party: Party, account: str, known: Iterable[Passkey], now: float) -> str:
        """What `navigator.credentials.create` is to be called with, as JSON."""
        options = generate_registration_options(
            rp_id=party.name,
            rp_name="doorbus",
            user_name=account,
            user_id=hashlib.sha256(f"doorbus {account}".encode()).digest(),
            challenge=self._challenge(f"make {account}", now),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_descriptors(known),
        )
        return options_to_json(options)

    def made(
        self, party: Party, account: str, answer: Mapping[str, Any], now: float, *, name: str, at: datetime
    ) -> Passkey:
        """The passkey that a browser has made, called `name`; raises `NotConfirmed`."""
        try:
            verified = verify_registration_response(
                credential=dict(answer),
                expected_challenge=self._spent(f"make {account}", answer, now),
                expected_rp_id=party.name,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise NotConfirmed(str(error)) from None
        return Passkey(
            bytes_to_base64url(verified.credential_id),
            account,
            name,
            verified.credential_public_key,
            verified.sign_count,
            at,
        )

    def to_show(self, party: Party, purpose: str, known: Iterable[Passkey], now: float) -> str:
        """What `navigator.credentials.get` is to be called with, as JSON; any passkey of ours where none is named."""
        options = generate_authentication_options(
            rp_id=party.name,
            challenge=self._challenge(purpose, now),
            allow_credentials=_descriptors(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    def shown(self, party: Party, purpose: str, passkey: Passkey, answer: Mapping[str, Any], now: float) -> int:
        """How often the passkey that a browser has shown was used; raises `NotConfirmed`."""
        try:
            verified = verify_authentication_response(
                credential=dict(answer),
                expected_challenge=self._spent(purpose, answer, now),
                expected_rp_id=party.name,
                expected_origin=party.origin,
                credential_public_key=passkey.key,
                credential_current_sign_count=passkey.used,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise NotConfirmed(str(error)) from None
        return verified.new_sign_count

    def _challenge(self, purpose: str, now: float) -> bytes:
        challenge = secrets.token_bytes(32)
        self._challenges[challenge] = (purpose, now + SECONDS)
        while len(self._challenges) > _MOST:
            self._challenges.popitem(last=False)
        return challenge

    def _spent(self, purpose: str, answer: Mapping[str, Any], now: float) -> bytes:
        """The challenge of ours that this answers, which is good no more; raises `ValueError`."""
        told = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(told["challenge"])
        known, until = self._challenges.pop(challenge, ("", 0.0))
        if known != purpose or now >= until:
            raise ValueError("it answers no challenge of late")
        return challenge


def _descriptors(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in passkeys]
