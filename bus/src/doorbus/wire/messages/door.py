"""What a door is told, what it asks and how it stands. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Id, Instant, Message, Name, Slug

LONGEST_SECONDS = 86400
"""That a command may ask a door to stay open for."""


class Action(StrEnum):
    """What a lock command asks for."""

    UNLOCK = "UNLOCK"
    LOCK = "LOCK"
    OPEN = "OPEN"
    """The same as UNLOCK: an electric strike has no latch to pull."""


class LockCommand(Message):
    """Unlock, lock or open by hand: the bare word, or JSON with any of the fields below.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/lock/set -m UNLOCK
    mosquitto_pub -q 1 -t doorbus/v1/door/front/lock/set -m '{"action": "UNLOCK", "seconds": 5, "by": "reception"}'
    """

    action: Action
    seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = None
    """How long to hold the door open; the actuator's longest hold bounds it."""
    id: Id | None = None
    """A command whose id was seen before is refused."""
    issued_at: Instant | None = None
    code: Annotated[str, Field(max_length=16)] | None = Field(default=None, repr=False)
    """Time-based one-time password, where the actuator is configured to ask for one."""
    by: Name | None = None


class LockState(StrEnum):
    """Whether the door is locked; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/lock/state
    """

    LOCKED = "LOCKED"
    UNLOCKING = "UNLOCKING"
    UNLOCKED = "UNLOCKED"
    LOCKING = "LOCKING"
    JAMMED = "JAMMED"
    """The relay could not be driven."""


class Lockdown(StrEnum):
    """Whether a door opens for nobody, by face or by command; the payload is the bare word.

    mosquitto_sub -t doorbus/v1/door/front/lockdown/state
    """

    ON = "ON"
    OFF = "OFF"


class LockdownOrder(Message):
    """Begin or end a lockdown: the bare word, or JSON that also says who orders it. ON also locks at once.

    mosquitto_pub -q 1 -t doorbus/v1/door/front/lockdown/set -m ON
    mosquitto_pub -q 1 -t doorbus/v1/lockdown/set -m '{"lockdown": "OFF", "by": "reception"}'
    """

    lockdown: Lockdown
    by: Name | None = None


class Ask(StrEnum):
    """What a challenge asks the person to do."""

    BLINK = "blink"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    STEP_BACK = "step_back"
    """No challenge: the face is too close to the camera, or at the edge of its view, to be judged."""
    NONE = "none"


class Challenge(Message):
    """What the person in front of the door is asked to do; `none` when nothing is.

    mosquitto_sub -t doorbus/v1/door/front/challenge
    """

    ask: Ask
    camera: Slug | None = None
    expires_at: Instant | None = None
