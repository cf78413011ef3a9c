"""Devices and entities, and the documents of MQTT discovery that are made of them. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from doorbus import __version__
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT, Channel, Role
from doorbus.wire.topics import Topics

Document = Mapping[str, Any]
Place = tuple[str, str]
"""Component and object id: which of a service's topics a document stands at."""

_MAX_ID = 64


class Style(StrEnum):
    """How much one document tells."""

    COMPONENT = "component"
    DEVICE = "device"


@dataclass(frozen=True)
class Origin:
    """Who speaks: the service, its instance, where its topics are; and what the site tells of itself.

    `portraits` says whether recognizers send them, `area` where the doors are, and `console` is the address of a page
    about them; the last two are empty where there is none.
    """

    topics: Topics
    service: Role
    instance: str
    portraits: bool = False
    area: str = ""
    console: str = ""

    @property
    def id(self) -> str:
        """Tells the entities of this root from those of another on the same broker."""
        return "doorbus" if self.topics.root == DEFAULT_ROOT else f"doorbus_{word(self.topics.root)}"

    @property
    def health(self) -> str:
        """The topic of the speaker's health."""
        return self.topic(channels.HEALTH, service=self.service.value, instance=self.instance)

    def topic(self, channel: Channel[Any], **ids: str) -> str:
        """A topic of this site."""
        return self.topics.topic(channel, **ids)

    def info(self, identifier: str, name: str, model: str, **more: str) -> Document:
        """What Home Assistant is told of a device; what is empty is left out."""
        told = {
            "identifiers": [identifier],
            "name": name,
            "manufacturer": "doorbus",
            "model": model,
            "sw_version": __version__,
            "configuration_url": self.console,
            **more,
        }
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True)
class Entity:
    """One thing that Home Assistant shows. `object_id` is what it calls it before people rename it."""

    component: str
    key: str
    object_id: str
    config: Document


@dataclass(frozen=True)
class Device:
    """What one service knows of a device.

    `prefix` begins the ids of its entities, `object_id` is its own among those of the service, and `word` begins what
    Home Assistant calls its entities. `without` names component and key of what it has when it is set up
    otherwise: Home Assistant forgets a part of a device only when it is told to. `via` says where documents may stand
    of the device that it hangs on, and whose they are.
    """

    site: Origin
    prefix: str
    object_id: str
    word: str
    info: Document
    entities: tuple[Entity, ...]
    without: tuple[tuple[str, str], ...] = ()
    via: tuple[tuple[Role, Place], ...] = ()


def documents(device: Device, style: Style) -> dict[Place, Document]:
    """The documents of `device`, by where they stand."""
    origin = {"name": "doorbus", "sw": __version__}
    if style is Style.DEVICE:
        parts: dict[str, Document] = {key: {"p": component} for component, key in device.without}
        parts |= {one.key: {"p": one.component, **_whole(device, one)} for one in device.entities}
        return {("device", short(device.object_id)): {"dev": device.info, "o": origin, "cmps": parts}}
    return {
        (one.component, short(f"{device.prefix}_{one.key}")): {**_whole(device, one), "dev": device.info, "o": origin}
        for one in device.entities
    }


def is_of(site: Origin, document: Document) -> bool:
    """Whether the speaker itself has sent `document` at some time: then its availability begins with its health."""
    return any(_first_topic(one) == site.health for one in _parts(document))


def is_under(topics: Topics, document: Document) -> bool:
    """Whether a service of the site whose topics these are has sent `document` at some time."""
    found = (topics.resolve(str(_first_topic(one))) for one in _parts(document))
    return any(one is not None and one.channel is channels.HEALTH for one in found)


def unique_ids(document: Document) -> frozenset[str]:
    """The ids that never change of the entities that `document` tells of."""
    ids = (one.get("unique_id") for one in _parts(document) if isinstance(one, Mapping))
    return frozenset(one for one in ids if isinstance(one, str))


def word(text: str) -> str:
    """`text` in the letters of an id."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text.lower())


def spoken(name: str) -> str:
    """An id as people say it."""
    return name.replace("_", " ").replace("-", " ").strip().capitalize()


def short(object_id: str) -> str:
    """An id that fits into a topic; a long one keeps its beginning, and a digest tells it from others like it."""
    if len(object_id) <= _MAX_ID:
        return object_id
    return f"{object_id[: _MAX_ID - 9]}_{hashlib.sha256(object_id.encode()).hexdigest()[:8]}"


def _whole(device: Device, entity: Entity) -> Document:
    """The entity with its ids: the one that never changes, and the one that people see first."""
    shown = f"{device.word}_{entity.object_id}" if entity.object_id else device.word
    return {
        **entity.config,
        "unique_id": f"{device.prefix}_{entity.key}",
        "object_id": shown,  # up to Home Assistant 2025.9; default_entity_id after that
        "default_entity_id": f"{entity.component}.{shown}",
    }


def _parts(document: Document) -> Iterable[Any]:
    parts = document.get("cmps")
    return parts.values() if isinstance(parts, Mapping) else (document,)


def _first_topic(document: Any) -> Any:
    try:
        return document["availability"][0]["topic"]
    except (KeyError, IndexError, TypeError):
        return None
