"""What Home Assistant is told of doors, cameras and people, so that it shows them without any YAML. Pure.

A service describes its part of a device as entities; `documents` puts them into the words of MQTT discovery, one
document for each entity or one for all. The services of a door describe parts of the same device.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from doorbus import __version__
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT, Channel, Role
from doorbus.wire.messages import MAX_NAME, Action, LockState, Outcome, Presence, Reason
from doorbus.wire.topics import Topics

Document = Mapping[str, Any]
Place = tuple[str, str]
"""Component and object id: which of a service's topics a document stands at."""

ALARM = "alarm"
ALARMS = (Reason.REPLAYED, Reason.CODE_WRONG, Reason.RELAY_FAILED)
"""Denials that are no everyday matter: something sent before comes again, a code is guessed, or the relay is broken."""

RECOGNIZERS_SILENT_SECONDS = 10
"""No recognizer is there when none has said so for this long."""

_MAX_ID = 64


class Style(StrEnum):
    """How much one document tells."""

    COMPONENT = "component"
    DEVICE = "device"


@dataclass(frozen=True)
class Origin:
    """Who speaks: the service, its instance, and where its topics are; and whether recognizers send portraits."""

    topics: Topics
    service: Role
    instance: str
    portraits: bool = False

    @property
    def id(self) -> str:
        """Tells the entities of this root from those of another on the same broker."""
        return "doorbus" if self.topics.root == DEFAULT_ROOT else f"doorbus_{_word(self.topics.root)}"

    @property
    def health(self) -> str:
        """The topic of the speaker's health."""
        return self.topic(channels.HEALTH, service=self.service.value, instance=self.instance)

    def topic(self, channel: Channel[Any], **ids: str) -> str:
        """A topic of this site."""
        return self.topics.topic(channel, **ids)


@dataclass(frozen=True)
class Entity:
    """One thing that Home Assistant shows. `object_id` is what it calls it before people rename it."""

    component: str
    key: str
    object_id: str
    config: Document


@dataclass(frozen=True)
class Device:
    """What one service knows of a device; `object_id` is its own among those of the service.

    `without` names component and key of what it has when it is set up otherwise: Home Assistant forgets a part of a
    device only when it is told to.
    """

    site: Origin
    id: str
    object_id: str
    info: Document
    entities: tuple[Entity, ...]
    without: tuple[tuple[str, str], ...] = ()


def door(site: Origin, name: str, *, codes: bool) -> Device:
    """The lock and what is decided about it. With `codes` people are asked for a one-time password."""
    state = site.topic(channels.LOCK_STATE, door=name)
    decision = {"state_topic": site.topic(channels.DECISION, door=name), "qos": 1}
    command: dict[str, Any] = {"action": "{{ value }}", "by": "Home Assistant", "id": "ha-{{ utcnow().timestamp() }}"}
    asked = {"code_format": r"^\d{6}$"} if codes else {}
    if codes:
        command["code"] = "{{ code }}"
    lock = {
        "name": None,
        "icon": "mdi:door",
        "state_topic": state,
        "command_topic": site.topic(channels.LOCK_COMMAND, door=name),
        "command_template": _json(command),
        **asked,
        **{f"payload_{one.value.lower()}": one.value for one in Action},
        **{f"state_{one.value.lower()}": one.value for one in LockState},
        "qos": 1,
        "optimistic": False,
        "retain": False,
    }
    words = [*(one.value for one in Outcome), ALARM]
    entities = (
        ("lock", "lock", "", lock),
        (
            "event",
            "decision",
            "decision",
            {
                "name": "Decision",
                "icon": "mdi:shield-account",
                "event_types": words,
                "value_template": _EVENT,
                **decision,
            },
        ),
        (
            "sensor",
            "last_person",
            "last_person",
            {
                "name": "Last person",
                "icon": "mdi:account-check",
                "value_template": "{{ value_json.person | default(this.state) }}",
                **decision,
            },
        ),
        (
            "sensor",
            "last_reason",
            "last_reason",
            {
                "name": "Last reason",
                "icon": "mdi:comment-question-outline",
                "device_class": "enum",
                "options": [one.value for one in Reason],
                "value_template": "{{ value_json.reason }}",
                **decision,
            },
        ),
        (
            "sensor",
            "confidence",
            "confidence",
            {
                "name": "Confidence",
                "icon": "mdi:percent-circle-outline",
                "unit_of_measurement": "%",
                "state_class": "measurement",
                "suggested_display_precision": 0,
                "value_template": "{{ (value_json.confidence * 100) | round(1) if value_json.confidence is defined }}",
                **decision,
            },
        ),
        (
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
                "value_template": "{{ value_json.latency_ms if value_json.trigger == 'face' "
                "and value_json.latency_ms is defined }}",
                **decision,
            },
        ),
    )
    own = _own(site, "actuator", "Actuator")
    return _door(site, name, name, (*(_seen(site, *one) for one in entities), *own, _recognizers(site)))


def camera(site: Origin, door_name: str, name: str) -> Device:
    """A camera of a door: its frames as they are, and a way to enrol who stands there.

    Where there are portraits, also the last one. Recognizers send them, but there are many of them, and none knows
    which cameras there are.
    """
    frames = site.topic(channels.FRAME, door=door_name, camera=name)
    picture = {"name": _spoken(name), "icon": "mdi:cctv", "topic": frames}
    key = f"camera_{name}"
    place = _spoken(name).lower()
    face = {
        "name": f"Last face at {place}",
        "icon": "mdi:face-recognition",
        "image_topic": site.topic(channels.PORTRAIT, door=door_name, camera=name),
        "content_type": channels.PORTRAIT.codec.content_type,
    }
    image = _seen(site, "image", f"{key}_face", _word(f"last face at {name}"), face)
    entities = (
        _seen(site, "camera", key, _word(name), picture),
        *((image,) if site.portraits else ()),
        *_newcomers(site, key, door_name, name),
        *_own(site, key, f"{_spoken(name)} capture"),
    )
    device = _door(site, door_name, f"{door_name}_{name}", entities)
    return device if site.portraits else replace(device, without=((image.component, image.key),))


def people(site: Origin) -> Device:
    """How many are enrolled, and how the last request about somebody ended; names and rights stay on the roster."""
    enrolled = {
        "name": "People",
        "icon": "mdi:account-group",
        "state_topic": site.topic(channels.ROSTER_MANIFEST),
        "qos": 1,
        "unit_of_measurement": "people",
        "state_class": "measurement",
        "value_template": "{{ value_json.count }}",
    }
    results = site.topics.filter(channels.RESULT)
    result = {
        "name": "Last enrolment",
        "icon": "mdi:account-clock",
        "state_topic": results,
        "qos": 1,
        "value_template": _RESULT,
        "json_attributes_topic": results,
    }
    entities = (
        _seen(site, "sensor", "people", "people", enrolled),
        _seen(site, "sensor", "last_enrolment", "last_enrolment", result),
        *_own(site, "enroller", "Enroller"),
    )
    info = {"identifiers": [site.id], "name": "Doorbus", "manufacturer": "doorbus", "model": "Origin"}
    return Device(site, site.id, site.id, info, tuple(_whole(site.id, "doorbus", entities)))


def documents(device: Device, style: Style) -> dict[Place, Document]:
    """The documents of `device`, by where they stand."""
    origin = {"name": "doorbus", "sw": __version__}
    if style is Style.DEVICE:
        parts: dict[str, Document] = {key: {"p": component} for component, key in device.without}
        parts |= {one.key: {"p": one.component, **one.config} for one in device.entities}
        return {("device", device.object_id): {"dev": device.info, "o": origin, "cmps": parts}}
    return {
        (one.component, _short(f"{device.id}_{one.key}")): {**one.config, "dev": device.info, "o": origin}
        for one in device.entities
    }


def announcement(device: Device, style: Style | None) -> dict[Place, Document]:
    """What is to stand at the places of `device`; None takes everything back.

    Entities that are not told of one by one are taken back first, as an empty document, since an id must not be there
    twice. What stood there for the whole device is taken back only where it is found: Home Assistant before 2024.12
    warns of whatever it hears there.
    """
    wanted = {} if style is None else documents(device, style)
    return withdrawal(device) | wanted if style is not Style.COMPONENT else wanted


def withdrawal(device: Device) -> dict[Place, Document]:
    """Nothing, at each place of an entity of `device`."""
    return {place: {} for place in documents(device, Style.COMPONENT)}


def is_of(site: Origin, document: Document) -> bool:
    """Whether the speaker itself has sent `document` at some time: then its availability begins with its health."""
    parts: Iterable[Any] = document.get("cmps", {}).values() if isinstance(document.get("cmps"), dict) else [document]
    return any(_first_topic(one) == site.health for one in parts)


_EVENT = (
    "{% set alarms = " + str([one.value for one in ALARMS]) + " %}"
    "{{ dict(value_json, event_type='"
    + ALARM
    + "' if value_json.reason in alarms else value_json.outcome) | to_json }}"
)
_RESULT = (
    "{{ (value_json.person ~ ': ' ~ (value_json.error.message if value_json.error is defined else value_json.action ~ "
    "', ' ~ value_json.samples ~ ' samples')) | truncate(255) }}"
)
_IS_ONLINE = "{{ value_json.state if value_json is defined else '" + Presence.OFFLINE + "' }}"
_ATTRIBUTES = (
    "{{ dict(problem=value_json.problem | default(none), version=value_json.version, instance=value_json.instance, "
    "started_at=value_json.started_at) | to_json if value_json is defined else '{}' }}"
)


def _door(site: Origin, name: str, object_id: str, entities: Iterable[Entity]) -> Device:
    spoken = _spoken(name)
    title = spoken if spoken.lower().endswith("door") else f"{spoken} door"
    id_ = f"{site.id}_{name}"
    info = {"identifiers": [id_], "name": title, "manufacturer": "doorbus", "model": "Door"}
    return Device(site, id_, _short(f"{site.id}_{object_id}"), info, tuple(_whole(id_, _word(title), entities)))


def _whole(device: str, word: str, entities: Iterable[Entity]) -> Iterator[Entity]:
    """The entities with their ids: the one that never changes, and the one that people see first."""
    for one in entities:
        shown = f"{word}_{one.object_id}" if one.object_id else word
        ids = {
            "unique_id": f"{device}_{one.key}",
            "object_id": shown,  # up to Home Assistant 2025.9; default_entity_id after that
            "default_entity_id": f"{one.component}.{shown}",
        }
        yield Entity(one.component, one.key, shown, {**one.config, **ids})


def _seen(site: Origin, component: str, key: str, object_id: str, config: Document) -> Entity:
    """An entity that is there as long as the speaker is."""
    available = {
        "availability": [{"topic": site.health, "value_template": _IS_ONLINE}],
        "availability_mode": "all",
        "payload_available": Presence.ONLINE.value,
        "payload_not_available": Presence.OFFLINE.value,
    }
    return Entity(component, key, object_id, {**config, **available})


def _own(site: Origin, key: str, name: str) -> tuple[Entity, ...]:
    """How the speaker itself does."""
    health = {"state_topic": site.health, "qos": 1, "entity_category": "diagnostic"}
    online = {
        "name": name,
        "device_class": "connectivity",
        "value_template": "{{ 'ON' if value_json.state == '" + Presence.ONLINE + "' else 'OFF' }}",
        "json_attributes_topic": site.health,
        "json_attributes_template": _ATTRIBUTES,
        # Known also while the speaker is gone, which is what it tells; the list only says whose document this is.
        "availability": [{"topic": site.health, "value_template": Presence.ONLINE.value}],
        **health,
    }
    problem = {
        "name": f"{name} problem",
        "device_class": "problem",
        "value_template": "{{ 'ON' if value_json.problem is defined else 'OFF' }}",
        **health,
    }
    return (
        Entity("binary_sensor", f"{key}_online", _word(name), online),
        _seen(site, "binary_sensor", f"{key}_problem", _word(f"{name} problem"), problem),
    )


def _newcomers(site: Origin, key: str, door_name: str, name: str) -> Iterator[Entity]:
    """Enrol who stands in front of a camera: by a name that is typed, or as a guest.

    They are settings to Home Assistant, so that no dashboard which it makes and no voice assistant reaches them by
    itself: the door opens for whoever is enrolled.
    """
    request = {"door": door_name, "camera": name}
    asked = {
        "command_topic": site.topic(channels.NEWCOMER),
        "qos": 1,
        "retain": False,
        "entity_category": "config",
    }
    typed = {
        "name": f"Enrol at {_spoken(name).lower()}",
        "icon": "mdi:account-plus",
        "max": MAX_NAME,
        "command_template": json.dumps(request)[:-1] + ', "name": {{ value | to_json }}}',
        # The field is empty again when a request has ended, ready for the next name.
        "state_topic": site.topics.filter(channels.RESULT),
        "value_template": "{{ '' }}",
        **asked,
    }
    pressed = {
        "name": f"Enrol guest at {_spoken(name).lower()}",
        "icon": "mdi:account-plus-outline",
        "payload_press": json.dumps(request),
        **asked,
    }
    yield _seen(site, "text", f"{key}_enrol", _word(f"enrol at {name}"), typed)
    yield _seen(site, "button", f"{key}_enrol_guest", _word(f"enrol guest at {name}"), pressed)


def _recognizers(site: Origin) -> Entity:
    """Whether any recognizer is there. Each says so again and again; that one of many has gone means nothing."""
    config = {
        "name": "Recognizers",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": site.topics.filter(channels.HEALTH, service=Role.RECOGNIZER.value),
        "qos": 1,
        "value_template": "{{ 'ON' if value_json.state == '" + Presence.ONLINE + "' }}",
        "off_delay": RECOGNIZERS_SILENT_SECONDS,
    }
    return _seen(site, "binary_sensor", "recognizers", "recognizers", config)


def _first_topic(document: Any) -> Any:
    try:
        return document["availability"][0]["topic"]
    except (KeyError, IndexError, TypeError):
        return None


def _json(command: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in command.items()) + "}"


def _word(text: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text.lower())


def _spoken(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").strip().capitalize()


def _short(object_id: str) -> str:
    """An id that fits into a topic; a long one keeps its beginning, and a digest tells it from others like it."""
    if len(object_id) <= _MAX_ID:
        return object_id
    return f"{object_id[: _MAX_ID - 9]}_{hashlib.sha256(object_id.encode()).hexdigest()[:8]}"
