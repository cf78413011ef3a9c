"""The one table of what crosses the bus. Topics, access rules and the AsyncAPI document all come from here. Pure.

Each module is one subject.
"""

from typing import Any

from doorbus.wire.channels import (
    door,
    embedding,
    groups,
    health,
    keeping,
    maps,
    people,
    recognition,
    recordings,
    review,
)
from doorbus.wire.channels.channel import *
from doorbus.wire.channels.door import *
from doorbus.wire.channels.embedding import *
from doorbus.wire.channels.groups import *
from doorbus.wire.channels.health import *
from doorbus.wire.channels.keeping import *
from doorbus.wire.channels.maps import *
from doorbus.wire.channels.people import *
from doorbus.wire.channels.recognition import *
from doorbus.wire.channels.recordings import *
from doorbus.wire.channels.review import *
from doorbus.wire.channels.roles import *

CONTRACT = "1.30"
"""Version of what stands in the table and in the messages; its major number is that of the root."""
CHANNELS: tuple[Channel[Any], ...] = (
    *recognition.ROWS,
    *door.ROWS,
    *people.ROWS,
    *groups.ROWS,
    *keeping.ROWS,
    *maps.ROWS,
    *embedding.ROWS,
    *recordings.ROWS,
    *review.ROWS,
    *health.ROWS,
)
