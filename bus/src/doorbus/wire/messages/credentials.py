"""PINs and tags. Pure."""

from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Id, Instant, Message, NewName, Slug

Code = Annotated[str, Field(min_length=1, max_length=64)]
"""A PIN, or what a tag says of itself."""
Salt = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
CodeHash = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""By scrypt (`doorbus.wire.credentials`)."""


class Credential(Message):
    """What somebody typed, or held against a reader: the bare text, or JSON with any of the fields below.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/credential/keypad -m 274163
    mosquitto_pub -q 1 -t doorbus/v1/door/front/credential/keypad -m '{"code": "04-a2-1b-32", "id": "17"}'
    """

    code: Code = Field(repr=False)
    id: Id | None = None
    """One whose id was seen before is refused."""
    issued_at: Instant | None = None


class SetCredential(Message):
    """Give a person a PIN or a tag, or another one in place of it. Only a hash of it is kept.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/credential/pin/set -m '{"code": "274163"}'
    """

    code: Code = Field(repr=False)
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    guest: NewName | None = None
    """What a guest is called, who is let in by this alone: makes the person, if nobody is there."""


class RemoveCredential(Message):
    """Take a PIN or a tag away; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/credential/pin/remove -n
    """


class HashedCredential(Message):
    """A PIN or a tag as it is kept."""

    person: Slug
    credential: Slug
    """What it is called, such as `pin`."""
    salt: Salt = Field(repr=False)
    hash: CodeHash = Field(repr=False)
    valid_from: Instant | None = None
    valid_until: Instant | None = None


class HashedCredentials(Message):
    """All PINs and tags of a site, for its doors alone. The roster's manifest names the SHA-256 of this payload.

    mosquitto_sub -t doorbus/v1/roster/credentials
    """

    credentials: tuple[HashedCredential, ...] = ()
