"""What is signed on the bus, and whose signatures count. Pure.

A channel whose row says `signed_by` carries, beside the payload, the user property `signature`: the base64 of an
Ed25519 signature (RFC 8032) over

    doorbus NUL channel NUL topic NUL payload

where channel is the name of the row. So a signed recognition of one door or camera is nothing at another, and what is
signed for one purpose is nothing for another. When it was made says the payload.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.packet import Packet

PROPERTY = "signature"


class SigningKey(Protocol):
    """The secret half of a key. `doorbus.wire.ed25519` has one; named here so that who has none needs no library."""

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        ...


class PublicKey(Protocol):
    """The public half of a key."""

    def confirms(self, data: bytes, signature: bytes) -> bool:
        """Whether the key's owner has signed exactly this."""
        ...


@dataclass(frozen=True)
class Keyring:
    """What a service signs with, and whose signatures count for it. The empty one signs nothing and believes nobody.

    What comes on the channels named in `unasked` is taken unsigned.
    """

    own: SigningKey | None = None
    public: Mapping[Role, Sequence[PublicKey]] = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()

    def check(self, channel: Channel[Any], packet: Packet) -> None:
        """Raise `Refused` for a packet that has to be signed and is not, or by nobody whose signature counts."""
        if channel.signed_by is None or channel.name in self.unasked:
            return
        text = next((value for name, value in packet.user if name == PROPERTY), None)
        if text is None:
            raise Refused(Refusal.UNSIGNED, "there is no signature on it")
        data, signature = _signed(channel, packet), _from_base64(text)
        if not any(key.confirms(data, signature) for key in self.public.get(channel.signed_by, ())):
            raise Refused(Refusal.UNSIGNED, f"not signed for this topic by a key of the site's {channel.signed_by}")


def sign(channel: Channel[Any], packet: Packet, key: SigningKey) -> Packet:
    """The packet with a signature on it."""
    text = base64.b64encode(key.sign(_signed(channel, packet))).decode()
    return replace(packet, user=(*packet.user, (PROPERTY, text)))


def _signed(channel: Channel[Any], packet: Packet) -> bytes:
    return b"\0".join((b"doorbus", channel.name.encode(), packet.topic.encode(), packet.payload))


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Refusal.UNSIGNED, "its signature is not base64") from None
