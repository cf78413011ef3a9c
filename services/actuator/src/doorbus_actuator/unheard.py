"""Inputs on topics of other programs of which nothing was heard yet: maybe the broker lets this user read none.

A broker takes the subscription to a topic that its user may not read, and stays silent.
"""

import math
from collections.abc import Mapping

from doorbus.wire.messages import Input
from doorbus_actuator.input_settings import Inputs, Level

PATIENCE_SECONDS = 60.0
"""How long a topic may be silent, after the first connection, before that is told."""


class Unheard:
    """Those of the inputs that last and are on a topic. A button may well be silent for days."""

    def __init__(self, inputs: Inputs) -> None:
        self._topics = {
            name: felt.topic for name, felt in inputs.each.items() if isinstance(felt, Level) and felt.topic is not None
        }
        self._silent = dict(self._topics)
        self._due: float | None = None

    def listen(self, now: float) -> None:
        """The topics are subscribed to; what counts is the first time."""
        if self._due is None:
            self._due = now + PATIENCE_SECONDS

    def heard(self, name: Input) -> None:
        """Something was heard of an input."""
        self._silent.pop(name, None)

    def wake_at(self) -> float:
        """The monotonic time at which `overdue` has something to say."""
        return self._due if self._due is not None and self._silent else math.inf

    def overdue(self, now: float) -> Mapping[Input, str]:
        """The topics that have been silent for too long, once."""
        if now < self.wake_at():
            return {}
        self._due = math.inf
        return dict(self._silent)

    def figures(self) -> Mapping[str, float]:
        """For each input on a topic 1 while nothing was heard of it."""
        return {f"{name}_unheard": float(name in self._silent) for name in self._topics}
