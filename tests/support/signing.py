"""Keys of a site that the tests make up, for services on the bus in memory and for who stands in for one."""

from doorbus.wire.channels import Role
from doorbus.wire.ed25519 import PublicKey, SecretKey
from doorbus.wire.exchange import Outbound
from doorbus.wire.packet import Packet
from doorbus.wire.signatures import Keyring
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

RECOGNIZER = SecretKey(bytes([1]) * 32)
ENROLLER = SecretKey(bytes([2]) * 32)
STRANGER = SecretKey(bytes([3]) * 32)
"""Of another site."""
PUBLIC = {Role.RECOGNIZER: (PublicKey(RECOGNIZER.public),), Role.ENROLLER: (PublicKey(ENROLLER.public),)}
KEYS = Keyring(public=PUBLIC)
"""Of an actuator."""
RECOGNIZERS = Keyring(RECOGNIZER, PUBLIC)
ENROLLERS = Keyring(ENROLLER, PUBLIC)


def packet(outbound: Outbound, key: SecretKey | None = None) -> Packet:
    """What goes over the wire, signed by who has to sign it, or with another `key`."""
    by = outbound.channel.signed_by
    return outbound.packet(
        TOPICS, key or (None if by is None else {Role.RECOGNIZER: RECOGNIZER, Role.ENROLLER: ENROLLER}[by])
    )
