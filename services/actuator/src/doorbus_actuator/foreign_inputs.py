"""Inputs that other programs' devices say on topics of their own. Pure."""

from collections.abc import Iterable, Mapping

from doorbus.wire.channels import OF_INPUTS, Channel, Retain, Role, Under
from doorbus.wire.codec import Arrival, Body, Refusal, Refused, Word
from doorbus.wire.ids import listed
from doorbus.wire.messages import Input, InputState
from doorbus.wire.packet import Packet
from doorbus.wire.records import dataclass
from doorbus_actuator.words import word_in

BUTTONS = frozenset({Input.EXIT, Input.DOORBELL})
"""Inputs of which only the beginning matters."""
PIN = Channel(
    name="pin",
    template="$pin/{input}",
    under=Under.NOTHING,
    codec=Word(InputState),
    summary="What a pin reads now.",
    qos=0,
    senders=frozenset(),
    receivers=frozenset({Role.ACTUATOR}),
)
"""How what is wired reaches the loop. It is no topic: nobody can send there, and the broker does not hear of it."""
Readings = Mapping[Input, bool]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Where in a message the word of an input stands, and what it means. A button has no words for `off`."""

    input: Input
    field: str | None
    on: frozenset[str]
    off: frozenset[str] = frozenset()

    def reads(self, payload: bytes) -> bool | None:
        """Whether it is felt; None when the message does not say. Raises `Refused` for a word that is unknown."""
        word = word_in(payload, self.field)
        if word is None:
            return None
        word = word.casefold()
        if word in self.on:
            return True
        if word in self.off or self.input in BUTTONS:
            return False
        raise Refused(Refusal.UNKNOWN_WORD, f"{self.input}: none of {', '.join(sorted(self.on | self.off))}")


def words(text: str) -> frozenset[str]:
    """The words of a setting."""
    return frozenset(listed(text.casefold()))


class ForeignReadings:
    """What the inputs on one topic read."""

    content_type = "application/json"
    model = dict

    def __init__(self, vocabularies: Iterable[Vocabulary]) -> None:
        self._vocabularies = tuple(vocabularies)

    def encode(self, message: Readings) -> Body:
        """Nobody sends what other programs do."""
        raise NotImplementedError

    def decode(self, packet: Packet, ids: Mapping[str, str], arrival: Arrival) -> Readings:  # noqa: ARG002  # the Protocol's
        """What the message says of each input, as far as it does."""
        if not packet.payload:
            raise Refused(Refusal.EMPTY)
        said = {one.input: one.reads(packet.payload) for one in self._vocabularies}
        found = {name: on for name, on in said.items() if on is not None}
        if not found:
            fields = ", ".join(str(one.field) for one in self._vocabularies)
            raise Refused(Refusal.WRONG_SHAPE, f"no JSON object with {fields}")
        if packet.retain and all(name in BUTTONS for name in found):
            raise Refused(Refusal.RETAINED, "a button that was pressed at some time")
        return {name: on for name, on in found.items() if not (packet.retain and name in BUTTONS)}


def foreign(topic: str, vocabularies: Iterable[Vocabulary]) -> Channel[Readings]:
    """The channel of another program's topic, which is taken as it is.

    What the broker has kept says how a door stands, but not that a button is pressed.
    """
    said = tuple(vocabularies)
    lasting = any(one.input not in BUTTONS for one in said)
    return Channel(
        name="_".join(one.input.value for one in said) + OF_INPUTS,
        template=topic.replace("{", "{{").replace("}", "}}"),
        under=Under.NOTHING,
        codec=ForeignReadings(said),
        summary="What another program's device feels.",
        qos=1,
        retain=Retain.YES if lasting else Retain.REPLAY_REFUSED,
        expiry=None if lasting else 5,
        senders=frozenset(),
        receivers=frozenset({Role.ACTUATOR}),
    )
