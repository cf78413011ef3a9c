"""What the entities of several devices have in common. Pure."""

from doorbus.homeassistant.documents import Document, Entity, Origin, word
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Presence

RECOGNIZERS_SILENT_SECONDS = 10
"""No recognizer is there when none has said so for this long."""

_IS_ONLINE = "{{ value_json.state if value_json is defined else '" + Presence.OFFLINE + "' }}"
_SAYS_ONLINE = f"value_json is defined and value_json.state == '{Presence.ONLINE}'"
"""A health that was deleted is empty."""
_IS_WELL = (
    "{{ value_json.state if value_json is defined and value_json.problem is not defined else '"
    + Presence.OFFLINE
    + "' }}"
)
_ATTRIBUTES = (
    "{{ dict(problem=value_json.problem | default(none), version=value_json.version, instance=value_json.instance, "
    "started_at=value_json.started_at) | to_json if value_json is defined else '{}' }}"
)


def seen(  # what an entity consists of
    site: Origin, component: str, key: str, object_id: str, config: Document, *, well: bool = False
) -> Entity:
    """An entity that is there as long as the speaker is, or as long as the speaker has no problem (`well`)."""
    available = {
        "availability": [{"topic": site.health, "value_template": _IS_WELL if well else _IS_ONLINE}],
        "availability_mode": "all",
        "payload_available": Presence.ONLINE.value,
        "payload_not_available": Presence.OFFLINE.value,
    }
    return Entity(component, key, object_id, {**config, **available})


def own(  # noqa: PLR0917  # what differs between the two that every service has
    site: Origin, key: str, name: str, object_id: str = "", prepare: str = "", more: str = ""
) -> tuple[Entity, Entity]:
    """How the speaker itself does: whether it is there, and whether it has a problem.

    The problem's attributes are its text and what `more` names, which the template `prepare` may have set.
    """
    shown = object_id or word(name)
    health = {"state_topic": site.health, "qos": 1, "entity_category": "diagnostic"}
    online = {
        "name": name,
        "device_class": "connectivity",
        "value_template": f"{{{{ 'ON' if {_SAYS_ONLINE} else 'OFF' }}}}",
        "json_attributes_topic": site.health,
        "json_attributes_template": _ATTRIBUTES,
        # Known also while the speaker is gone, which is what it tells; the list only says whose document this is.
        "availability": [{"topic": site.health, "value_template": Presence.ONLINE.value}],
        **health,
    }
    problem = {
        "name": f"{name} problem",
        "device_class": "problem",
        "value_template": "{{ 'ON' if value_json is defined and value_json.problem is defined else 'OFF' }}",
        "json_attributes_topic": site.health,
        "json_attributes_template": prepare
        + "{{ dict(problem=value_json.problem | default(none)"
        + (f", {more}" if more else "")
        + ") | to_json if value_json is defined else '{}' }}",
        **health,
    }
    return (
        Entity("binary_sensor", f"{key}_online", shown, online),
        seen(site, "binary_sensor", f"{key}_problem", f"{shown}_problem", problem),
    )


def recognizers(site: Origin) -> Entity:
    """Whether any recognizer is there. Each says so again and again; that one of many has gone means nothing."""
    config = {
        "name": "Recognizers",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": site.topics.filter(channels.HEALTH, service=Role.RECOGNIZER.value),
        "qos": 1,
        "value_template": f"{{{{ 'ON' if {_SAYS_ONLINE} }}}}",
        "off_delay": RECOGNIZERS_SILENT_SECONDS,
    }
    return seen(site, "binary_sensor", "recognizers", "recognizers", config)
