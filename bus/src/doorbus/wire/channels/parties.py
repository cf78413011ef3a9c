"""Sets of the broker's users that send or receive much the same. Pure."""

from doorbus.wire.channels.roles import Role

PEOPLE = frozenset({Role.OPERATOR, Role.CONSOLE, Role.HOMEASSISTANT, Role.NODERED})
READERS = PEOPLE | {Role.VIEWER}
AT_THE_DOOR = READERS | {Role.CAPTURE}
"""Many a camera has a display or a light, and one connection: it shows whoever stands there what became of it."""
KEEPERS = frozenset({Role.ADMIN, Role.CONSOLE})
"""Who may say what becomes of what was kept of people: whoever keeps a site, and the page, which knows who asks."""
LOOKERS = KEEPERS | {Role.AUDITOR}
"""Who may look at it."""
ANNOUNCERS = frozenset({Role.CAPTURE, Role.ACTUATOR, Role.ENROLLER})
