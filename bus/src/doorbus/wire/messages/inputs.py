"""What a door feels, and what is wrong at it. Pure."""

from enum import StrEnum

from doorbus.wire.messages.base import Instant, Message, Slug


class Input(StrEnum):
    """What a door feels."""

    CONTACT = "contact"
    """Whether it stands open."""
    EXIT = "exit"
    """The button by which somebody inside asks to leave."""
    DOORBELL = "doorbell"
    TAMPER = "tamper"
    """Whether somebody opens the case."""


class InputState(StrEnum):
    """What a simulated input feels: ON is open, pressed or tampered with; the payload is the bare word.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/input/contact/set -m ON
    """

    ON = "ON"
    OFF = "OFF"


class ContactState(StrEnum):
    """Whether a door stands open; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/contact/state
    """

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class TamperState(StrEnum):
    """Whether somebody tampers with a door's case; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/tamper/state
    """

    ON = "ON"
    OFF = "OFF"


class AlarmKind(StrEnum):
    """What is wrong at a door, the gravest last."""

    HELD_OPEN_SOON = "held_open_soon"
    """It stands open, and `held_open` follows."""
    HELD_OPEN = "held_open"
    """It has stood open for too long."""
    FORCED = "forced"
    """It was opened while it was locked, and nobody had asked to leave."""
    TAMPER = "tamper"


class AlarmState(StrEnum):
    """The gravest of the alarms that go on, or `none`; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/alarm/state
    """

    NONE = "none"
    HELD_OPEN_SOON = "held_open_soon"
    HELD_OPEN = "held_open"
    FORCED = "forced"
    TAMPER = "tamper"


class Alarm(Message):
    """An alarm that begins; `alarm/state` says how long it goes on.

    mosquitto_sub -t doorbus/v1/door/front/alarm
    """

    kind: AlarmKind
    at: Instant
    since: Instant
    """When the door was opened, or the case."""
    person: Slug | None = None
    """Who was let in last before a door was held open."""


class Doorbell(Message):
    """Somebody rings.

    mosquitto_sub -t doorbus/v1/door/front/doorbell
    """

    at: Instant


class Exit(Message):
    """Somebody inside has pressed the exit button.

    mosquitto_sub -t doorbus/v1/door/front/exit
    """

    at: Instant
    unlocked: bool
    """Whether the door opened for it."""
