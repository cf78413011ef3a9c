"""Between messages and packets. Whatever is wrong with a packet comes out as `Refused`, as no other exception. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, Field, ValidationError

from doorbus.wire.kinds import not_a_jpeg
from doorbus.wire.messages import Action, Credential, LockCommand, Lockdown, LockdownOrder, Picture, utc
from doorbus.wire.mistakes import first_mistake
from doorbus.wire.packet import Packet
from doorbus.wire.records import dataclass

M = TypeVar("M")
B = TypeVar("B", bound=BaseModel)
P = TypeVar("P", bound=Picture)
E = TypeVar("E", bound=StrEnum)

JPEG_START = b"\xff\xd8\xff"


class Refusal(StrEnum):
    """Why a packet was not taken."""

    EMPTY = "empty"
    NOT_EMPTY = "not_empty"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    WRONG_SHAPE = "wrong_shape"
    """The payload is JSON, but a field is missing, unknown, or not what it must be."""
    WRONG_TOPIC = "wrong_topic"
    """The payload names another door or camera than its topic."""
    UNKNOWN_WORD = "unknown_word"
    NOT_A_PICTURE = "not_a_picture"
    TRUNCATED = "truncated"
    TOO_MUCH_WORK = "too_much_work"
    """The picture would take too long to decode."""
    BAD_METADATA = "bad_metadata"
    BAD_ID = "bad_id"
    """An id in the topic is no slug."""
    RETAINED = "retained"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"
    NO_REPLY_TOPIC = "no_reply_topic"
    FOREIGN_REPLY_TOPIC = "foreign_reply_topic"
    """The response topic is not one that replies may go to."""
    OVERLOADED = "overloaded"
    """More came than could be handled: the oldest had to go."""
    UNEXPECTED = "unexpected"
    """Nobody asked for this reply, or the service reads no such topic."""
    UNSEALED = "unsealed"
    """The payload is not sealed with this site's key."""
    UNSIGNED = "unsigned"
    """There is no signature on it, or none for this topic by a key of this site."""
    OUTDATED = "outdated"
    """A map older than one that came before: who was removed or disabled since must not come back."""
    UNAUTHORIZED = "unauthorized"
    """The packet came another way than over the broker, and without the secret that this way asks for."""


class Refused(Exception):  # noqa: N818  # an outcome that is counted, not an error of the program
    """A packet was refused. `detail` says what was wrong in words, without quoting the payload."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a packet arrived, and the id it gets if it brings none."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Body:
    """The part of a packet that a message determines."""

    payload: bytes
    user: tuple[tuple[str, str], ...] = ()


class Codec(Protocol[M]):
    """Turns one kind of message into packets and back."""

    content_type: str
    model: type[Any]
    """What a decoded message is, for the documents generated from the table."""

    def encode(self, message: M) -> Body:
        """The payload and user properties of `message`."""
        ...

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> M:
        """The message in `packet`; raises `Refused`."""
        ...


def parse_json(model: type[B], payload: bytes) -> B:
    """The message in a JSON payload; raises `Refused`."""
    if not payload:
        raise Refused(Refusal.EMPTY)
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        mistake = first_mistake(error)
        reason = Refusal.NOT_JSON if mistake.kind == "json_invalid" else Refusal.WRONG_SHAPE
        raise Refused(reason, str(mistake)) from None


class Json(Generic[B]):
    """A message as a JSON object."""

    content_type = "application/json"

    def __init__(self, model: type[B]) -> None:
        self.model = model

    def encode(self, message: B) -> Body:
        """The payload is JSON without the fields that are None."""
        return Body(message.model_dump_json(exclude_none=True).encode())

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> B:  # noqa: ARG002  # the Protocol's
        """Parse, and hold the ids that the message repeats against its topic."""
        message = parse_json(self.model, packet.payload)
        for name, value in ids.items():
            if name in self.model.model_fields and getattr(message, name) not in (None, value):
                raise Refused(Refusal.WRONG_TOPIC, f"{name} in the payload is not that of the topic")
        return message


class Patch(Json[B]):
    """A message as a JSON object of only those fields that were set; null is a value, and clears."""

    def encode(self, message: B) -> Body:
        """The payload is JSON without the fields that were not set."""
        return Body(message.model_dump_json(exclude_unset=True).encode())


class Jpeg(Generic[P]):
    """A message as a plain JPEG, its other fields as user properties."""

    content_type = "image/jpeg"

    def __init__(self, model: type[P]) -> None:
        self.model = model

    def encode(self, message: P) -> Body:
        """The JPEG as it is."""
        values = ((name, getattr(message, name)) for name in self.model.properties)
        user = tuple((name, utc(v) if isinstance(v, datetime) else str(v)) for name, v in values if v is not None)
        return Body(message.jpeg, user)

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> P:  # noqa: ARG002  # the Protocol's
        """Check that it begins like a JPEG; metadata that is not sent comes from the arrival."""
        if not packet.payload:
            raise Refused(Refusal.EMPTY)
        if not packet.payload.startswith(JPEG_START):
            raise Refused(Refusal.NOT_A_PICTURE, not_a_jpeg(packet.payload))
        defaults = {"frame_id": arrival.id, "captured_at": utc(arrival.at)}
        fields = {name: defaults[name] for name in self.model.properties if name in defaults}
        fields |= {name: value for name, value in packet.user if name in self.model.properties}
        try:
            metadata = self.model.model_validate_strings(fields | {"jpeg": ""}, strict=False)
        except ValidationError as error:
            raise Refused(Refusal.BAD_METADATA, str(first_mistake(error))) from None
        return metadata.model_copy(update={"jpeg": packet.payload})


class JpegOrError(Jpeg[P]):
    """The same as an answer: empty, with the property `error`, where there is no picture to be had."""

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> P:
        """A picture needs no error, an error no picture."""
        failed = any(name == "error" for name, _ in packet.user)
        if not failed:
            return super().decode(packet, ids, arrival)
        if packet.payload:
            raise Refused(Refusal.NOT_EMPTY)
        start = Packet(packet.topic, JPEG_START, user=packet.user)
        return super().decode(start, ids, arrival).model_copy(update={"jpeg": b""})


class Word(Generic[E]):
    """One word of a StrEnum, bare."""

    content_type = "text/plain"

    def __init__(self, model: type[E]) -> None:
        self.model = model

    def encode(self, message: E) -> Body:
        """The payload is the word."""
        return Body(message.value.encode())

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> E:  # noqa: ARG002  # the Protocol's
        """Only the exact word will do."""
        if not packet.payload:
            raise Refused(Refusal.EMPTY)
        try:
            return self.model(packet.payload.decode())
        except ValueError:
            raise Refused(Refusal.UNKNOWN_WORD, f"not one of {', '.join(self.model)}") from None


class CommandCodec:
    """A lock command: a bare word, or JSON."""

    content_type = "application/json"
    model = LockCommand

    def encode(self, message: LockCommand) -> Body:
        """The bare word where that says all."""
        bare = message == LockCommand(action=message.action)
        return Body(message.action.value.encode()) if bare else Json(LockCommand).encode(message)

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> LockCommand:
        """JSON begins with a brace; all else must be the exact word."""
        if packet.payload.startswith(b"{"):
            return parse_json(LockCommand, packet.payload)
        return LockCommand(action=Word(Action).decode(packet, ids, arrival))


class LockdownCodec:
    """An order to begin or end a lockdown: a bare word, or JSON."""

    content_type = "text/plain"
    model = LockdownOrder

    def encode(self, message: LockdownOrder) -> Body:
        """The bare word where that says all."""
        if message.by is None:
            return Body(message.lockdown.value.encode())
        return Json(LockdownOrder).encode(message)

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> LockdownOrder:
        """JSON begins with a brace; all else must be the exact word."""
        if packet.payload.startswith(b"{"):
            return parse_json(LockdownOrder, packet.payload)
        return LockdownOrder(lockdown=Word(Lockdown).decode(packet, ids, arrival))


class _EspRfid(BaseModel):
    """What esp-rfid says of a tag: what it thinks of it by its own list is nothing to us, nor is its clock."""

    uid: str = Field(pattern=r"\S")  # it is blank where nobody held anything against it


class CredentialCodec:
    """What somebody typed or held against a reader: the bare text, JSON, or the JSON of esp-rfid."""

    content_type = "text/plain"
    model = Credential

    def encode(self, message: Credential) -> Body:
        """The bare code where that says all."""
        bare = message == Credential(code=message.code) and not message.code.startswith("{")
        return Body(message.code.encode()) if bare else Json(Credential).encode(message)

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> Credential:  # noqa: ARG002  # the Protocol's
        """JSON begins with a brace. What is refused is told without the text."""
        raw = packet.payload
        if not raw:
            raise Refused(Refusal.EMPTY)
        of_esp_rfid = b'"uid"' in raw and b'"code"' not in raw
        if raw.startswith(b"{") and not of_esp_rfid:
            return parse_json(Credential, raw)
        try:
            return Credential(code=parse_json(_EspRfid, raw).uid if raw.startswith(b"{") else raw.decode())
        except UnicodeDecodeError:
            raise Refused(Refusal.WRONG_SHAPE, "a code is text") from None
        except ValidationError as error:
            raise Refused(Refusal.WRONG_SHAPE, str(first_mistake(error))) from None


class Empty(Generic[B]):
    """A message that says all by its topic."""

    content_type = "text/plain"

    def __init__(self, model: type[B]) -> None:
        self.model = model

    def encode(self, message: B) -> Body:  # noqa: ARG002  # the Protocol's
        """The payload is empty."""
        return Body(b"")

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> B:  # noqa: ARG002  # the Protocol's
        """Refuse a payload: its sender meant something else."""
        if packet.payload:
            raise Refused(Refusal.NOT_EMPTY)
        return self.model()


class Document:
    """A JSON object whose shape another program lays down. An empty one is empty bytes, which delete a retained one."""

    content_type = "application/json"
    model = dict

    def encode(self, message: Mapping[str, Any]) -> Body:
        """The payload is compact JSON."""
        return Body(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode() if message else b"")

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> Mapping[str, Any]:  # noqa: ARG002  # the Protocol's
        """Any JSON object will do."""
        if not packet.payload:
            return {}
        try:
            found = json.loads(packet.payload)
        except (ValueError, RecursionError):
            raise Refused(Refusal.NOT_JSON) from None
        if not isinstance(found, dict):
            raise Refused(Refusal.WRONG_SHAPE, "no JSON object")
        return found


class Raw:
    """Bytes that their reader checks by itself, such as a shard of a snapshot. Empty bytes delete a retained one."""

    model = bytes

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type

    def encode(self, message: bytes) -> Body:
        """The payload is the bytes."""
        return Body(message)

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> bytes:  # noqa: ARG002  # the Protocol's
        """The message is the payload as it is."""
        return packet.payload


def json_schema(codec: Codec[Any]) -> dict[str, Any]:
    """JSON schema of what a codec carries, for the AsyncAPI document."""
    if codec.model is dict:
        return {"type": "object"}
    bare = issubclass(codec.model, LockdownOrder | Credential)
    if issubclass(codec.model, BaseModel) and (bare or codec.content_type == "application/json"):
        return codec.model.model_json_schema(ref_template="#/components/schemas/{model}")
    if issubclass(codec.model, StrEnum):
        return {"type": "string", "enum": [word.value for word in codec.model]}
    if codec.content_type == "application/json":
        return {"type": "array", "items": {"type": "object"}}
    return {"type": "string", "format": "binary"}
