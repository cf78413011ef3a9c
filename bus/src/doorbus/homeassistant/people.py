"""The people of a site as Home Assistant shows them. Pure."""

from doorbus.homeassistant.documents import Device, Origin
from doorbus.homeassistant.parts import own, seen
from doorbus.wire import channels

_LISTED = (
    "{{ dict(people=value_json.people | map(attribute='name') | list, "
    "disabled=value_json.people | selectattr('enabled', 'eq', false) | map(attribute='name') | list) | to_json }}"
)


def people(site: Origin) -> Device:
    """Who is enrolled, and how the last request about somebody went; rights stay on the roster."""
    listed = site.topic(channels.PEOPLE)
    enrolled = {
        "name": "People",
        "icon": "mdi:account-group",
        "state_topic": listed,
        "qos": 1,
        "unit_of_measurement": "people",
        "state_class": "measurement",
        "value_template": "{{ value_json.count }}",
        "json_attributes_topic": listed,
        "json_attributes_template": _LISTED,
    }
    result = {
        "name": "Last enrolment",
        "icon": "mdi:account-clock",
        "state_topic": site.topic(channels.ENROLMENT),
        "qos": 1,
        "value_template": "{{ value_json.text }}",
        "json_attributes_topic": site.topics.filter(channels.RESULT),
    }
    entities = (
        seen(site, "sensor", "people", "people", enrolled),
        seen(site, "sensor", "last_enrolment", "last_enrolment", result),
        *own(site, "enroller", "Enroller"),
    )
    return Device(site, site.id, site.id, "doorbus", site.info(site.id, "Doorbus", "Site"), entities)
