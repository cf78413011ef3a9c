"""Every message that crosses the bus. Frozen, strict, and closed to unknown fields. Pure.

Times are RFC 3339 in UTC. The examples name the door `front`, the camera `porch` and the person `alice`, and leave out
the options that name the broker and the user (`-h`, `-p`, `-u`, `-P`, `-V 5`).

Each module is one subject; what they hold is called by this package's name, as `messages.Frame`.
"""

from typing import TYPE_CHECKING

from doorbus.wire.lazily import lazily

if TYPE_CHECKING:
    from doorbus.wire.messages.base import *
    from doorbus.wire.messages.checking import *
    from doorbus.wire.messages.credentials import *
    from doorbus.wire.messages.decisions import *
    from doorbus.wire.messages.door import *
    from doorbus.wire.messages.embedding import *
    from doorbus.wire.messages.enrolment import *
    from doorbus.wire.messages.groups import *
    from doorbus.wire.messages.health import *
    from doorbus.wire.messages.inputs import *
    from doorbus.wire.messages.journal import *
    from doorbus.wire.messages.keeping import *
    from doorbus.wire.messages.maps import *
    from doorbus.wire.messages.people import *
    from doorbus.wire.messages.recognition import *
    from doorbus.wire.messages.recordings import *
    from doorbus.wire.messages.results import *
    from doorbus.wire.messages.review import *
    from doorbus.wire.messages.rights import *
else:
    __getattr__, __dir__ = lazily(
        globals(),
        # What a door needs comes first, and is all that it loads.
        "base",
        "door",
        "inputs",
        "decisions",
        "recognition",
        "health",
        "journal",
        "credentials",
        "rights",
        "maps",
        # What others need.
        "people",
        "results",
        "enrolment",
        "embedding",
        "groups",
        "checking",
        "keeping",
        "recordings",
        "review",
    )
