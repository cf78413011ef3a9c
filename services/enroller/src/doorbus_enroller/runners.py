"""Which embedding models recognizers run, and since when nobody runs one. Pure. Times are monotonic seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LEAD_SECONDS = 10.0
"""How long nobody runs the model that leads before another one takes its place: a restart takes less."""
MOST = 3
"""Models besides the leading one that people are taken over to: a recognizer could name ever new ones."""


@dataclass(frozen=True)
class Runners:
    """The recognizers that are online, each with its model."""

    since: float = math.inf
    """When we connected: before that nobody knows who was there, and nobody is away."""
    models: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, float] = field(default_factory=dict)
    """When the last one went that ran a model."""

    def connected(self, now: float) -> "Runners":
        """Begin anew."""
        return Runners(now)

    def told(self, recognizer: str, model: str, now: float) -> "Runners":
        """A recognizer is online with this model."""
        after = self if self.models.get(recognizer, model) == model else self.gone(recognizer, now)
        return replace(after, models={**after.models, recognizer: model})

    def gone(self, recognizer: str, now: float) -> "Runners":
        """A recognizer is offline."""
        model = self.models.get(recognizer)
        if model is None:
            return self
        models = {name: each for name, each in self.models.items() if name != recognizer}
        return replace(self, models=models, left={**self.left, model: now})

    def of(self, model: str) -> tuple[str, ...]:
        """Who runs a model."""
        return tuple(sorted(name for name, each in self.models.items() if each == model))

    def besides(self, leading: str) -> tuple[str, ...]:
        """The models that run besides the leading one."""
        return tuple(sorted(set(self.models.values()) - {leading}))[:MOST]

    def away(self, model: str, now: float) -> float:
        """For how long nobody has run a model; less than nothing before we were connected."""
        if model in self.models.values():
            return 0.0
        return now - self.left.get(model, self.since)
