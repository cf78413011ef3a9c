"""What a door feels, as Home Assistant shows it, where the door has such inputs. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from doorbus.homeassistant.documents import Document, Entity, Origin
from doorbus.homeassistant.parts import seen
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.messages import AlarmKind, AlarmState, ContactState, Input, TamperState

_RING = "ring"


@dataclass(frozen=True)
class _Row:
    """An entity of a door that has any of `inputs`."""

    inputs: frozenset[Input]
    component: str
    key: str
    object_id: str
    channel: Channel[Any]
    config: Document


_ALARMING = frozenset({Input.CONTACT, Input.TAMPER})
_ROWS = (
    _Row(
        frozenset({Input.CONTACT}),
        "binary_sensor",
        "contact",
        "contact",
        channels.CONTACT_STATE,
        {
            "name": "Contact",
            "device_class": "door",
            "payload_on": ContactState.OPEN.value,
            "payload_off": ContactState.CLOSED.value,
        },
    ),
    _Row(
        frozenset({Input.TAMPER}),
        "binary_sensor",
        "tamper",
        "tamper",
        channels.TAMPER_STATE,
        {
            "name": "Tamper",
            "device_class": "tamper",
            "payload_on": TamperState.ON.value,
            "payload_off": TamperState.OFF.value,
        },
    ),
    _Row(
        _ALARMING,
        "sensor",
        "alarm_state",
        "alarm",
        channels.ALARM_STATE,
        {
            "name": "Alarm",
            "icon": "mdi:door-open",
            "device_class": "enum",
            "options": [one.value for one in AlarmState],
        },
    ),
    _Row(
        _ALARMING,
        "event",
        "alarm",
        "alarm",
        channels.ALARM,
        {
            "name": "Alarm begins",
            "icon": "mdi:alarm-light",
            "event_types": [one.value for one in AlarmKind],
            "value_template": "{{ dict(event_type=value_json.kind, "
            "person=value_json.person | default(none)) | to_json }}",
        },
    ),
    _Row(
        frozenset({Input.DOORBELL}),
        "event",
        "doorbell",
        "doorbell",
        channels.DOORBELL,
        {
            "name": "Doorbell",
            "device_class": "doorbell",
            "event_types": [_RING],
            "value_template": "{{ dict(event_type='" + _RING + "') | to_json }}",
        },
    ),
)


def felt(site: Origin, door: str, inputs: Collection[Input]) -> tuple[Entity, ...]:
    """What is shown of a door that has these inputs."""
    return tuple(
        seen(site, row.component, row.key, row.object_id, {**row.config, "state_topic": topic, "qos": 1})
        for row in _ROWS
        if row.inputs & set(inputs)
        for topic in (site.topic(row.channel, door=door),)
    )


def not_felt(inputs: Collection[Input]) -> tuple[tuple[str, str], ...]:
    """Component and key of what is not shown of it."""
    return tuple((row.component, row.key) for row in _ROWS if not row.inputs & set(inputs))
