"""The one table of what crosses the bus. Topics, access rules and the AsyncAPI document all come from here. Pure.

Each module is one subject.
"""

from typing import TYPE_CHECKING

from doorbus.wire.channels.channel import *
from doorbus.wire.channels.roles import *
from doorbus.wire.lazily import lazily

CONTRACT = "1.33"
"""Version of what stands in the table and in the messages; its major number is that of the root."""

if TYPE_CHECKING:
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
    from doorbus.wire.channels.table import CHANNELS as CHANNELS
else:
    __getattr__, __dir__ = lazily(
        globals(),
        # What a door needs comes first, and is all that it loads.
        "door",
        "recognition",
        "health",
        "maps",
        # What others need.
        "people",
        "groups",
        "keeping",
        "embedding",
        "recordings",
        "review",
        "table",
        # Its PEOPLE are senders, and must not stand before the channel of that name.
        "parties",
    )
