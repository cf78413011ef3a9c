"""What Home Assistant is told of doors, cameras and people, so that it shows them without any YAML. Pure.

A service describes its part as a device with entities; `documents` puts them into the words of MQTT discovery, one
document for each entity or one for all.

============  ==================================================================
module        what it holds
============  ==================================================================
`documents`   devices, entities, and the documents that are made of them
`parts`       what the entities of several devices have in common
`felt`        what a door feels
`door`        the lock, and what was decided about it
`camera`      a camera of a door, and how to enrol who stands before it
`people`      how many people there are, and what became of requests about them
============  ==================================================================

The last four are tables; each module imports only those above it.
"""

from doorbus.homeassistant.camera import camera
from doorbus.homeassistant.documents import (
    Device,
    Document,
    Entity,
    Origin,
    Place,
    Style,
    documents,
    is_of,
    is_under,
    unique_ids,
)
from doorbus.homeassistant.door import ALARM, ALARMS, door
from doorbus.homeassistant.parts import RECOGNIZERS_SILENT_SECONDS
from doorbus.homeassistant.people import people

__all__ = [
    "ALARM",
    "ALARMS",
    "RECOGNIZERS_SILENT_SECONDS",
    "Device",
    "Document",
    "Entity",
    "Origin",
    "Place",
    "Style",
    "camera",
    "documents",
    "door",
    "is_of",
    "is_under",
    "people",
    "unique_ids",
]
