"""What the actuator can be told of its inputs, under DOORBUS_ACTUATOR__INPUTS__."""

from enum import StrEnum
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from doorbus.runtime.settings import Section
from doorbus.wire.foreign import why_not_foreign
from doorbus.wire.messages import Input
from doorbus_actuator.alarms import Limits
from doorbus_actuator.foreign_inputs import words
from doorbus_actuator.policy import Relock
from doorbus_actuator.switch import Circuit, Pole

_OF_TOPIC = frozenset({"field", "on", "off"})
_OF_WIRE = frozenset({"wired_to", "normally"})
"""Settings that say something of a place, and nothing without it."""


class ExitAction(StrEnum):
    """What the exit button does."""

    UNLOCK = "unlock"
    QUIET = "quiet"


class Felt(Section):
    """Where one input is read: a pin, a line, a topic, or nowhere."""

    pin: int | None = Field(
        default=None,
        ge=0,
        le=40,
        description="Pin of a Raspberry Pi that it is on, counted by NUMBERING; none when not given.",
    )
    line: str | None = Field(
        default=None,
        description="Line of CHIP that it is on, by offset or name, by gpiod; none when not given.",
    )
    wired_to: Pole = Field(
        default=Pole.GROUND,
        description="What the switch connects it to: ground or supply (3.3 V); it is pulled the other way.",
    )
    normally: Circuit = Field(
        default=Circuit.OPEN,
        description="Whether the switch on the pin or line is open or closed while nothing is felt.",
    )
    topic: str | None = Field(
        default=None, description="Topic of another program's device that says it; none when not given."
    )
    field: str | None = Field(
        default=None, description="Field of its JSON with the word; the whole text is the word when not given."
    )
    on: str = Field(default="ON,true", description="Words that mean it is felt, with commas between; case is ignored.")
    debounce_seconds: float = Field(
        default=0.05, ge=0, le=10, description="How long it must be the same before it counts, in seconds."
    )

    @field_validator("on")
    @classmethod
    def _some(cls, on: str) -> str:
        if not words(on):
            raise ValueError("give one word at least")
        return on

    @field_validator("topic")
    @classmethod
    def _foreign(cls, topic: str | None) -> str | None:
        if topic is not None and any(sign in topic for sign in "+#"):
            raise ValueError("must be one topic, without + and #")
        if topic is not None and (why := why_not_foreign(topic)) is not None:
            raise ValueError(why)
        return topic

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(one is not None for one in (self.pin, self.line, self.topic)) > 1:
            raise ValueError("give one of PIN, LINE and TOPIC")
        fields = type(self).model_fields
        told = {name for name in fields if getattr(self, name) != fields[name].default}
        for of, place, given in ((_OF_TOPIC, "TOPIC", self.topic is not None), (_OF_WIRE, "PIN or LINE", self.wired)):
            if not given and (idle := sorted(told & of)):
                raise ValueError(f"{', '.join(idle).upper()} without {place}: give {place}, too, or leave it out")
        return self

    @property
    def wired(self) -> bool:
        """Whether it is on a pin or line."""
        return self.pin is not None or self.line is not None

    @property
    def placed(self) -> bool:
        """Whether it is anywhere."""
        return self.wired or self.topic is not None


class Level(Felt):
    """An input that lasts."""

    normally: Circuit = Field(
        default=Circuit.CLOSED,
        description="Whether the switch on the pin or line is open or closed while nothing is felt; where it is "
        "closed, a cut wire is felt.",
    )
    off: str = Field(
        default="OFF,false",
        validate_default=True,
        description="Words that mean it is not felt, with commas between; case is ignored.",
    )

    @field_validator("off")
    @classmethod
    def _contrary(cls, off: str, info: ValidationInfo) -> str:
        if not words(off):
            raise ValueError("give one word at least")
        if both := words(off) & words(info.data.get("on", "")):
            raise ValueError(f"{', '.join(sorted(both))} stands in ON, too; give both the words that its device sends")
        return off


class Contact(Level):
    """The contact that says whether the door is open."""

    on: str = Field(
        default="OPEN,ON,false",
        description="Words that mean the door is open, with commas between; case is ignored. The contact of "
        "zigbee2mqtt is true while it is shut.",
    )
    off: str = Field(
        default="CLOSED,OFF,true",
        validate_default=True,
        description="Words that mean it is shut, with commas between; case is ignored.",
    )
    held_open_soon_seconds: float = Field(
        default=30.0,
        ge=0,
        le=86400,
        description="How long the door may stand open, once it is locked, before held_open_soon; 0 for ever.",
    )
    held_open_seconds: float = Field(
        default=60.0, ge=0, le=86400, description="The same for held_open, in seconds; 0 for ever."
    )
    grace_seconds: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="How long after it was locked an opening is not forced, in seconds: what the contact is late.",
    )
    relock: Relock = Field(
        default=Relock.NEVER, description="Lock before the pulse is over: never, on opening, or on closing the door."
    )


class Tamper(Level):
    """The switch that says whether the case is open."""


class Bell(Felt):
    """The doorbell's button."""

    on: str = Field(
        default="ON,true,press,pressed,single",
        description="Words that mean it is pressed, with commas between; case is ignored. Each message with one is a "
        "press.",
    )


class ExitButton(Bell):
    """The button by which somebody inside asks to leave."""

    action: ExitAction = Field(
        default=ExitAction.UNLOCK,
        description="unlock; quiet: only say that somebody leaves, so that opening the door is not forced.",
    )
    in_lockdown: bool = Field(
        default=True, description="Unlock in lockdown, too, so that nobody is kept inside who has no other way out."
    )
    seconds: float = Field(
        default=10.0,
        ge=0,
        le=600,
        description="How long after the button was pressed opening the door is not forced, in seconds.",
    )


class Inputs(Section):
    """What the door feels."""

    contact: Contact = Contact()
    exit: ExitButton = ExitButton()
    doorbell: Bell = Bell()
    tamper: Tamper = Tamper()
    simulated: bool | None = Field(
        default=None,
        description="Play inputs that are nowhere else by their topic, or by a file; where RELAY is simulated when not "
        "given.",
    )

    @property
    def each(self) -> dict[Input, Felt]:
        """The settings of each input."""
        return {
            Input.CONTACT: self.contact,
            Input.EXIT: self.exit,
            Input.DOORBELL: self.doorbell,
            Input.TAMPER: self.tamper,
        }

    @property
    def limits(self) -> Limits:
        """What is no alarm."""
        return Limits(
            exit_seconds=self.exit.seconds,
            grace_seconds=self.contact.grace_seconds,
            held_open_soon_seconds=self.contact.held_open_soon_seconds,
            held_open_seconds=self.contact.held_open_seconds,
        )
