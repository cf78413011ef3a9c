"""A door as Home Assistant shows it: the lock, and what was decided about it. Pure."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from doorbus.homeassistant.documents import Device, Document, Origin, Place, short, spoken, word
from doorbus.homeassistant.felt import felt, not_felt
from doorbus.homeassistant.parts import own, recognizers, seen
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Action, Input, Lockdown, LockState, Outcome, Reason, Trigger

ALARM = "alarm"
LOCK_NOW = "lock_now"
ALARMS = (Reason.REPLAYED, Reason.CODE_WRONG, Reason.TOO_MANY_TRIES, Reason.RELAY_FAILED)
"""Denials that are no everyday matter: something sent before comes again, a code is guessed, or the relay is broken.
Whoever mistypes once at a keypad does not guess."""

_EVENT = (
    "{% set alarms = " + str([one.value for one in ALARMS]) + " %}"
    "{% set stable = ['reason', 'trigger', 'person', 'name', 'camera', 'by', 'text'] %}"
    "{% if not value_json.again | default(false) and value_json.outcome is defined %}"
    "{{ dict(value_json.items() | selectattr(0, 'in', stable), event_type='"
    + ALARM
    + "' if value_json.reason in alarms and not (value_json.reason == '"
    + Reason.CODE_WRONG
    + "' and value_json.trigger == '"
    + Trigger.CREDENTIAL
    + "') else value_json.outcome) | to_json }}{% endif %}"
)
"""What an event tells: nothing that differs each time, as Home Assistant keeps all of it, and nothing a second time.
An alarm at the door is no decision."""
_NO_REASON = "none"
"""Before the first decision, when an alarm came first."""
_WHO = "{{ dict(person=value_json.last_person | default(none)) | to_json }}"
_WHAT = (
    "{{ dict(person=value_json.person | default(none), camera=value_json.camera | default(none), "
    "trigger=value_json.trigger | default(none), by=value_json.by | default(none), "
    "alarm=value_json.alarm | default(none)) | to_json }}"
)
_FRAME = (
    "{{ value_json.frame_ids[-1] if value_json.frame_ids else "
    "'unknown' if this.state == 'unavailable' else this.state }}"
)


@dataclass(frozen=True)
class _Row:
    """An entity that shows what has happened."""

    component: str
    key: str
    object_id: str
    config: Document
    attributes: str = ""


_EVENTS = (
    _Row(
        "event",
        "decision",
        "decision",
        {
            "name": "Decision",
            "icon": "mdi:shield-account",
            "event_types": [*(one.value for one in Outcome), ALARM],
            "value_template": _EVENT,
        },
    ),
    _Row(
        "sensor",
        "activity",
        "activity",
        {"name": "Activity", "icon": "mdi:door", "value_template": "{{ value_json.text }}"},
        _WHAT,
    ),
    _Row(
        "sensor",
        "last_person",
        "last_person",
        {
            "name": "Last person",
            "icon": "mdi:account-check",
            "value_template": "{{ value_json.last_name if value_json.last_name is defined else "
            "value_json.last_person | replace('-', ' ') | replace('_', ' ') | trim | capitalize "
            "if value_json.last_person is defined else 'unknown' if this.state == 'unavailable' else this.state }}",
        },
        _WHO,
    ),
    _Row(
        "sensor",
        "last_reason",
        "last_reason",
        {
            "name": "Last reason",
            "icon": "mdi:comment-question-outline",
            "device_class": "enum",
            "options": [_NO_REASON, *(one.value for one in Reason)],
            "value_template": "{{ value_json.reason | default(value_json.last_reason) | default('"
            + _NO_REASON
            + "') }}",
        },
    ),
    _Row(
        "sensor",
        "confidence",
        "confidence",
        {
            "name": "Confidence",
            "icon": "mdi:percent-circle-outline",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "value_template": "{{ (value_json.last_confidence * 100) | round(1) "
            "if value_json.last_confidence is defined }}",
        },
    ),
    _Row(
        "sensor",
        "latency",
        "frame_to_relay",
        {
            "name": "Frame to relay",
            "icon": "mdi:timer-outline",
            "device_class": "duration",
            "unit_of_measurement": "ms",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.last_latency_ms if value_json.last_latency_ms is defined }}",
        },
    ),
)
_FRAMES: Document = {
    "name": "Last frame",
    "icon": "mdi:image-search-outline",
    "entity_category": "diagnostic",
    "enabled_by_default": False,  # it changes with every decision, and Home Assistant keeps each
    "value_template": _FRAME,
}


def door(site: Origin, name: str, *, codes: bool, inputs: Collection[Input] = ()) -> Device:
    """The lock, what is decided about it, and what the door feels.

    With `codes` people are asked for a one-time password; `inputs` are those that the door has.
    """
    decisions, activity = site.topic(channels.DECISION, door=name), site.topic(channels.ACTIVITY, door=name)
    frames = {**_FRAMES, "state_topic": decisions, "json_attributes_topic": decisions, "qos": 1}
    entities = (
        seen(site, "lock", "lock", "", _lock(site, name, codes=codes)),
        seen(site, "switch", "lockdown", "lockdown", _lockdown(site, name)),
        *((seen(site, "button", LOCK_NOW, "lock_now", _lock_now(site, name)),) if codes else ()),
        *(seen(site, one.component, one.key, one.object_id, _shown(one, activity)) for one in _EVENTS),
        *felt(site, name, inputs),
        seen(site, "sensor", "frames", "last_frame", frames),
        *own(site, "actuator", "Actuator"),
        recognizers(site),
    )
    device, title = door_id(site, name), door_title(name)
    info = site.info(device, title, "Door", suggested_area=site.area)
    without = (() if codes else (("button", LOCK_NOW),)) + not_felt(inputs)
    return Device(site, device, device, word(title), info, entities, without)


def _shown(row: _Row, topic: str) -> Document:
    more = {"json_attributes_topic": topic, "json_attributes_template": row.attributes} if row.attributes else {}
    return {**row.config, "state_topic": topic, "qos": 1, **more}


def door_id(site: Origin, name: str) -> str:
    """By which Home Assistant knows a door."""
    return f"{site.id}_{name}"


def door_places(site: Origin, name: str) -> tuple[tuple[Role, Place], ...]:
    """Who tells of a door, and where: by its lock, or by all of it."""
    device = door_id(site, name)
    return tuple((Role.ACTUATOR, place) for place in (("lock", short(f"{device}_lock")), ("device", short(device))))


def door_title(name: str) -> str:
    """What people call a door."""
    return spoken(name) if spoken(name).lower().endswith("door") else f"{spoken(name)} door"


def _lock(site: Origin, name: str, *, codes: bool) -> Document:
    """The lock. It has no icon, so that Home Assistant shows one for each state."""
    command: dict[str, Any] = {
        "action": "{{ value }}",
        "by": "Home Assistant",
        "id": "ha-{{ utcnow().timestamp() }}",
        "issued_at": "{{ utcnow().isoformat() }}",
    }
    asked = {"code_format": r"^\d{6}$"} if codes else {}
    if codes:
        command["code"] = "{{ code }}"
    return {
        "name": None,
        "state_topic": site.topic(channels.LOCK_STATE, door=name),
        "command_topic": site.topic(channels.LOCK_COMMAND, door=name),
        "command_template": _template(command),
        **asked,
        **{f"payload_{one.value.lower()}": one.value for one in Action},
        **{f"state_{one.value.lower()}": one.value for one in LockState},
        "qos": 1,
        "optimistic": False,
        "retain": False,
    }


def _lockdown(site: Origin, name: str) -> Document:
    return {
        "name": "Lockdown",
        "icon": "mdi:lock-alert",
        "state_topic": site.topic(channels.LOCKDOWN_STATE, door=name),
        "command_topic": site.topic(channels.LOCKDOWN_COMMAND, door=name),
        **{f"state_{one.value.lower()}": one.value for one in Lockdown},
        **{
            f"payload_{one.value.lower()}": json.dumps({"lockdown": one.value, "by": "Home Assistant"})
            for one in Lockdown
        },
        "qos": 1,
        "optimistic": False,
        "retain": False,
    }


def _lock_now(site: Origin, name: str) -> Document:
    """Locks without a code, which Home Assistant's lock asks for on locking, too."""
    return {
        "name": "Lock now",
        "icon": "mdi:lock",
        "command_topic": site.topic(channels.LOCK_COMMAND, door=name),
        "payload_press": json.dumps({"action": Action.LOCK.value, "by": "Home Assistant"}),
        "qos": 1,
        "retain": False,
    }


def _template(command: Mapping[str, str]) -> str:
    """JSON whose values are templates."""
    return "{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in command.items()) + "}"
