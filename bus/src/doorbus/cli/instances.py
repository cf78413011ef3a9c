"""What is known of the instances of all services, from their health. Pure; `now` is monotonic seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from doorbus.wire.channels import Role
from doorbus.wire.messages import Health, Presence

SILENT_SECONDS = 15.0
"""An instance that calls itself online but has not been heard for so long is not taken to be up."""

Key = tuple[str, str]
"""The service and the name of an instance."""


@dataclass(frozen=True)
class Heard:
    """The last health of an instance, and when it was news."""

    health: Health
    at: float

    def is_up(self, now: float) -> bool:
        """Whether it is online and was heard lately."""
        return self.health.state is Presence.ONLINE and now - self.at <= SILENT_SECONDS


@dataclass(frozen=True)
class Instances:
    """All instances that were heard of. Never changed in place, so that any thread may read one."""

    heard: Mapping[Key, Heard] = field(default_factory=dict)

    def hear(self, health: Health, wall: datetime, now: float) -> "Instances":
        """These instances after one more health, heard at the time of day `wall`.

        The first of an instance may be one that the broker has kept, so its own time says how old it is.
        """
        key = (health.service, health.instance)
        known = self.heard.get(key)
        if known is not None and known.health == health:
            return self
        age = 0.0 if known is not None else max(0.0, (wall - health.at).total_seconds())
        return Instances({**self.heard, key: Heard(health, now - age)})

    def recognizers_busy(self, now: float) -> float | None:
        """How many recognizers' worth of work there is: the sum of their `busy`. None while none is up.

        Nothing, rather than 0, because recognizers that have all died are no reason to want fewer of them.
        """
        up = [heard.health for heard in self.heard.values() if heard.is_up(now)]
        busy = [health.figures.get("busy", 0.0) for health in up if health.service == Role.RECOGNIZER]
        return sum(busy) if busy else None
