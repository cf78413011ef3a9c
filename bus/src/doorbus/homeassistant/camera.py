"""A camera of a door as Home Assistant shows it, and how to enrol who stands before it. Pure."""

import json
from collections.abc import Iterator
from dataclasses import replace

from doorbus.homeassistant.documents import Device, Document, Entity, Origin, spoken, word
from doorbus.homeassistant.door import door_id, door_places, door_title
from doorbus.homeassistant.parts import own, seen
from doorbus.wire import channels
from doorbus.wire.messages import MAX_NAME

_PROMPT = "…"
"""What the field for a name shows. Home Assistant sends what stands in it as soon as that has changed and the cursor
leaves: an empty state would be shorter than the least that may be sent."""
_JUST_NOW_SECONDS = 10
_LAST_PICTURE = (
    "{% set at = value_json.figures.last_frame_at | default(none) if value_json is defined else none %}"
    "{% set age = 0 if at is none else as_timestamp(value_json.at) - at %}"
    "{% set last_picture = none if at is none else 'just now' if age < "
    + str(_JUST_NOW_SECONDS)
    + " else (at | round(0) | as_datetime | as_local).isoformat() %}"
)
"""When there was a picture last; in words while there are pictures, so that nothing changes with each."""


def camera(site: Origin, door: str, name: str) -> Device:
    """A camera of a door: its frames as they are, and a way to enrol who stands there.

    Where there are portraits, also the last one. Recognizers send them, but there are many of them, and none knows
    which cameras there are.
    """
    key, place = f"camera_{name}", spoken(name).lower()
    capture = f"{spoken(name)} capture"
    face = seen(site, "image", f"{key}_face", word(f"last face at {name}"), _face(site, door, name))
    entities = (
        seen(site, "camera", key, word(name), _frames(site, door, name), well=True),
        *((face,) if site.portraits else ()),
        *_newcomers(site, key, door, name),
        *own(site, key, "Capture", word(capture), _LAST_PICTURE, "last_picture=last_picture"),
    )
    on = door_id(site, door)
    title = f"{door_title(door)} {place}"
    info = site.info(f"{on}_{key}", title, "Camera", via_device=on, suggested_area=site.area)
    whole = f"{site.id}_{door}_{name}"
    device = Device(site, on, whole, word(door_title(door)), info, entities, via=door_places(site, door))
    return device if site.portraits else replace(device, without=((face.component, face.key),))


def _frames(site: Origin, door: str, name: str) -> Document:
    return {
        "name": None,
        "icon": "mdi:cctv",
        "topic": site.topic(channels.FRAME, door=door, camera=name),
        "json_attributes_topic": site.health,
        "json_attributes_template": _LAST_PICTURE + "{{ dict(last_picture=last_picture) | to_json }}",
    }


def _face(site: Origin, door: str, name: str) -> Document:
    return {
        "name": "Last face",
        "icon": "mdi:face-recognition",
        "image_topic": site.topic(channels.PORTRAIT, door=door, camera=name),
        "content_type": channels.PORTRAIT.codec.content_type,
    }


def _newcomers(site: Origin, key: str, door: str, name: str) -> Iterator[Entity]:
    """Enrol who stands in front of a camera: by a name that is typed, or as a guest.

    They are settings to Home Assistant, so that no dashboard which it makes and no voice assistant reaches them by
    itself: the door opens for whoever is enrolled.
    """
    request = {"door": door, "camera": name}
    asked = {
        "command_topic": site.topic(channels.NEWCOMER),
        "qos": 1,
        "retain": False,
        "entity_category": "config",
    }
    typed = {
        "name": "Enrol",
        "icon": "mdi:account-plus",
        "min": 1,
        "max": MAX_NAME,
        "command_template": json.dumps(request)[:-1]
        + ', "name": {{ value | replace('
        + repr(_PROMPT)
        + ", '') | trim | to_json }}}",
        # Retained, so that the field is never `unknown`, to which a name would be added.
        "state_topic": site.health,
        "value_template": "{{ " + repr(_PROMPT) + " }}",
        **asked,
    }
    pressed = {
        "name": "Enrol guest",
        "icon": "mdi:account-plus-outline",
        "payload_press": json.dumps(request),
        **asked,
    }
    yield seen(site, "text", f"{key}_enrol", word(f"enrol at {name}"), typed)
    yield seen(site, "button", f"{key}_enrol_guest", word(f"enrol guest at {name}"), pressed)
