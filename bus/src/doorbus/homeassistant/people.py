"""The people of a site as Home Assistant shows them. Pure."""

from doorbus.homeassistant.documents import Device, Origin
from doorbus.homeassistant.parts import own, seen
from doorbus.wire import channels

_RESULT = (
    "{{ (value_json.person ~ ': ' ~ (value_json.error.message if value_json.error is defined else value_json.action ~ "
    "', ' ~ value_json.samples ~ ' samples' ~ ('; ' ~ value_json.warning if value_json.warning is defined else ''))) | "
    "truncate(255) }}"
)


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
        seen(site, "sensor", "people", "people", enrolled),
        seen(site, "sensor", "last_enrolment", "last_enrolment", result),
        *own(site, "enroller", "Enroller"),
    )
    return Device(site, site.id, site.id, "doorbus", site.info(site.id, "Doorbus", "Site"), entities)
