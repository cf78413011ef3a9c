"""The broker's users. Pure."""

from enum import StrEnum


class Role(StrEnum):
    """The broker's users: one for each service, and the people and programs around them."""

    CAPTURE = "capture"
    RECOGNIZER = "recognizer"
    ACTUATOR = "actuator"
    ENROLLER = "enroller"
    CONSOLE = "console"
    RECORDER = "recorder"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    HOMEASSISTANT = "homeassistant"
    NODERED = "nodered"
    KEYPAD = "keypad"
    """What reads PINs and tags at a door."""
    AUDITOR = "auditor"
    """Who looks at what was kept of people, and changes nothing."""


SERVICES = (Role.CAPTURE, Role.RECOGNIZER, Role.ACTUATOR, Role.ENROLLER)
"""What a door needs."""
OPTIONAL = (Role.CONSOLE, Role.RECORDER)
"""Services that a door does without."""
