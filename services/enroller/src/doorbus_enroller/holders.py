"""Which recognizers have which site keys, and when another one may be sealed with: not before all can read it. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

SETTLE_SECONDS = 3.0
"""How long after connecting those who are there have told of themselves."""


@dataclass(frozen=True)
class Holders:
    """The recognizers that are online, each with the ids of the keys that it has; times are monotonic seconds."""

    since: float = math.inf
    """When we connected."""
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def connected(self, now: float) -> "Holders":
        """Begin anew."""
        return Holders(now)

    def told(self, recognizer: str, keys: Iterable[str]) -> "Holders":
        """A recognizer is online with these keys."""
        return replace(self, keys={**self.keys, recognizer: frozenset(keys)})

    def gone(self, recognizer: str) -> "Holders":
        """A recognizer is offline."""
        return replace(self, keys={name: keys for name, keys in self.keys.items() if name != recognizer})

    def settled_at(self) -> float:
        """When all that are there have told."""
        return self.since + SETTLE_SECONDS

    def all_have(self, key: str, now: float) -> bool:
        """Whether whatever is sealed with this key can be read by all."""
        return now >= self.settled_at() and all(key in keys for keys in self.keys.values())
