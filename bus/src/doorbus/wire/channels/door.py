"""Channels of a door. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import KIB, Channel, Retain
from doorbus.wire.channels.roles import Role

LOCK_COMMAND = Channel(
    name="lock_command",
    template="door/{door}/lock/set",
    codec=codec.CommandCodec(),
    summary="Unlock, lock or open by hand.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=4 * KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ACTUATOR},
)
LOCK_STATE = Channel(
    name="lock_state",
    template="door/{door}/lock/state",
    codec=codec.Word(messages.LockState),
    summary="Whether the door is locked now.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.AT_THE_DOOR | {Role.ENROLLER, Role.KEYPAD},  # the enroller knows by it which doors there are
)
CREDENTIAL = Channel(
    name="credential",
    template="door/{door}/credential/{reader}",
    codec=codec.CredentialCodec(),
    summary="A PIN that was typed, or a tag that was held against a reader. Only the door reads it.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=parties.PEOPLE | {Role.KEYPAD},
    receivers=frozenset({Role.ACTUATOR}),
)
LOCKDOWN_COMMAND = Channel(
    name="lockdown_command",
    template="door/{door}/lockdown/set",
    codec=codec.LockdownCodec(),
    summary="Open this door for nobody, or by its rules again.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ACTUATOR},
)
LOCKDOWN_OF_ALL = Channel(
    name="lockdown_of_all",
    template="lockdown/set",
    codec=codec.LockdownCodec(),
    summary="The same for all doors; one whose actuator is away does not hear it.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ACTUATOR},
)
LOCKDOWN_STATE = Channel(
    name="lockdown_state",
    template="door/{door}/lockdown/state",
    codec=codec.Word(messages.Lockdown),
    summary="Whether the door is locked down.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.AT_THE_DOOR,
)
INPUT_COMMAND = Channel(
    name="input_command",
    template="door/{door}/input/{input}/set",
    codec=codec.Word(messages.InputState),
    summary="Plays a simulated input.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=5,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ACTUATOR},
)
CONTACT_STATE = Channel(
    name="contact_state",
    template="door/{door}/contact/state",
    codec=codec.Word(messages.ContactState),
    summary="Whether the door stands open, where something feels it.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
TAMPER_STATE = Channel(
    name="tamper_state",
    template="door/{door}/tamper/state",
    codec=codec.Word(messages.TamperState),
    summary="Whether somebody tampers with the case, where something feels it.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
ALARM_STATE = Channel(
    name="alarm_state",
    template="door/{door}/alarm/state",
    codec=codec.Word(messages.AlarmState),
    summary="The gravest of the alarms that go on.",
    qos=1,
    retain=Retain.YES,
    max_bytes=KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
ALARM = Channel(
    name="alarm",
    template="door/{door}/alarm",
    codec=codec.Json(messages.Alarm),
    summary="An alarm that begins.",
    qos=1,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
DOORBELL = Channel(
    name="doorbell",
    template="door/{door}/doorbell",
    codec=codec.Json(messages.Doorbell),
    summary="Somebody rings.",
    qos=1,
    expiry=30,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.AT_THE_DOOR,  # the cameras wake
)
EXIT = Channel(
    name="exit",
    template="door/{door}/exit",
    codec=codec.Json(messages.Exit),
    summary="Somebody inside has pressed the exit button.",
    qos=1,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
DECISION = Channel(
    name="decision",
    template="door/{door}/decision",
    codec=codec.Json(messages.Decision),
    summary="Why the door did or did not open.",
    qos=1,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.AT_THE_DOOR | {Role.RECORDER},
)
JOURNAL = Channel(
    name="journal",
    template="door/{door}/journal",
    codec=codec.Json(messages.JournalEntry),
    summary="What happened at a door, numbered and chained; each entry at least once, and in order.",
    qos=1,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
JOURNAL_REPLY = Channel(
    name="journal_reply",
    template="journal/reply/{token}",
    codec=codec.Json(messages.JournalPage),
    summary="The entries that were asked for, to the MQTT 5 response topic that the request named.",
    qos=1,
    expiry=30,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS,
)
JOURNAL_REQUEST = Channel(
    name="journal_request",
    template="door/{door}/journal/get",
    codec=codec.Json(messages.JournalRequest),
    summary="Asks for entries of a journal by number.",
    qos=1,
    retain=Retain.REFUSED,
    expiry=10,
    max_bytes=4 * KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ACTUATOR},
    reply=JOURNAL_REPLY,
)
ACTIVITY = Channel(
    name="activity",
    template="door/{door}/activity",
    codec=codec.Json(messages.Activity),
    summary="What happened last at the door, in words: about people, not about frames.",
    qos=1,
    retain=Retain.YES,
    max_bytes=4 * KIB,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.READERS | {Role.ACTUATOR},  # it goes on from there when it starts anew
)
CHALLENGE = Channel(
    name="challenge",
    template="door/{door}/challenge",
    codec=codec.Json(messages.Challenge),
    summary="What the person in front of the door is asked to do.",
    qos=1,
    retain=Retain.YES,
    expiry=10,
    senders=frozenset({Role.ACTUATOR}),
    receivers=parties.AT_THE_DOOR | {Role.RECOGNIZER},
)

ROWS: tuple[Channel[Any], ...] = (
    LOCK_COMMAND,
    LOCK_STATE,
    CREDENTIAL,
    LOCKDOWN_COMMAND,
    LOCKDOWN_OF_ALL,
    LOCKDOWN_STATE,
    INPUT_COMMAND,
    CONTACT_STATE,
    TAMPER_STATE,
    ALARM_STATE,
    ALARM,
    DOORBELL,
    EXIT,
    DECISION,
    JOURNAL,
    JOURNAL_REQUEST,
    JOURNAL_REPLY,
    ACTIVITY,
    CHALLENGE,
)
