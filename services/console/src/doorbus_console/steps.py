"""The first steps of a site, and how far it is. Pure."""

from enum import StrEnum

from doorbus.wire.channels import Role
from doorbus.wire.messages import Presence
from doorbus_console.scene import Scene
from doorbus_console.trying import Tries


class Step(StrEnum):
    """What leads from an empty site to a door that opens by face."""

    DOOR = "door"
    CAMERA = "camera"
    ENROL = "enrol"
    OPEN = "open"
    THRESHOLD = "threshold"


NEEDED = (Step.DOOR, Step.CAMERA, Step.ENROL)
"""What a door cannot do without."""


def done(scene: Scene, *, seen: bool, tries: Tries) -> dict[Step, bool]:
    """Which steps are done, in their order; `seen` says whether a camera has sent a picture."""
    threshold = threshold_of(scene)
    return {
        Step.DOOR: any(door.state is not None for door in scene.doors.values()),
        Step.CAMERA: seen,
        Step.ENROL: bool(scene.people),
        Step.OPEN: any(door.last_granted is not None for door in scene.doors.values()),
        Step.THRESHOLD: bool(scene.people) and threshold is not None and tries.advised(threshold) == threshold,
    }


def threshold_of(scene: Scene) -> float | None:
    """The threshold of the first door that tells it."""
    for health, _, _ in scene.services.values():
        if health.service == Role.ACTUATOR and health.state is Presence.ONLINE and "threshold" in health.figures:
            return health.figures["threshold"]
    return None
