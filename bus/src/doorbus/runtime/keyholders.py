"""Which site keys the services have, and what they still seal with a former one, as their health tells. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from doorbus.wire.channels import Role
from doorbus.wire.messages import Health, Presence

SEALED_FORMERLY = "sealed_formerly"
"""The figure that says how much of what a service keeps is sealed with a former key."""


@dataclass(frozen=True)
class Holdings:
    """The last health of each service that has a site key."""

    known: Mapping[str, Health] = field(default_factory=dict)

    def hear(self, health: Health) -> "Holdings":
        """A service has told."""
        if health.site_key is None:
            return self
        return replace(self, known={**self.known, f"{health.service}/{health.instance}": health})

    def told(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Of each that is online: the id of the key that it seals with, then those of all that it takes."""
        for name, health in sorted(self._online().items()):
            yield name, (health.site_key or "", *(health.site_keys or [health.site_key or ""]))

    def strange(self, keys: Sequence[str]) -> str | None:
        """Why these keys, of a file, cannot be those of the site; None when they can."""
        enrollers = [health for health in self._online().values() if health.service == Role.ENROLLER]
        if not enrollers:
            return "no enroller is online, so nobody would seal anything anew; start it first"
        others = [one.site_key for one in enrollers if one.site_key not in keys]
        return (
            f"the enroller seals with {others[0]}, which is not in this file; is it the file of this site?"
            if others
            else None
        )

    def waiting_for(self, newest: str) -> list[str]:
        """What is to happen before nothing is sealed with another key than the newest one."""
        waiting = [self._lack(name, health, newest) for name, health in sorted(self._online().items())]
        missing = (
            [] if any(name.startswith(f"{Role.ENROLLER}/") for name in self._online()) else ["no enroller is online"]
        )
        return [*missing, *(why for why in waiting if why is not None)]

    def more_than(self, keys: Sequence[str]) -> list[str]:
        """Who takes others than these keys, too."""
        return [name for name, (_, *taken) in self.told() if set(taken) - set(keys)]

    def _online(self) -> dict[str, Health]:
        return {name: health for name, health in self.known.items() if health.state is Presence.ONLINE}

    def _lack(self, name: str, health: Health, newest: str) -> str | None:
        if newest not in {health.site_key, *health.site_keys}:
            return f"{name} has not got the new key: give it the file, and restart it where it has a copy of its own"
        left = int(health.figures.get(SEALED_FORMERLY, 0))
        if health.site_key != newest:
            return f"{name} waits until all have the new key"
        return f"{name} has {left} left to seal anew" if left else None
