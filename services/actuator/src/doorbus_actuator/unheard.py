"""Inputs of which nothing was heard yet: maybe the broker lets this user not read their topic, or a wire is cut.

A broker takes the subscription to a topic that its user may not read, and stays silent.
"""

import math
from collections.abc import Mapping

from doorbus.wire.messages import Input
from doorbus_actuator.foreign_inputs import BUTTONS
from doorbus_actuator.input_settings import Inputs

PATIENCE_SECONDS = 60.0
"""How long a topic may be silent, after the first connection, before that is told."""


class Unheard:
    """Those on a topic, and wired buttons: what else is wired is read all the time.

    A button may well be silent for days: that it is, only who asks is told.
    """

    def __init__(self, inputs: Inputs) -> None:
        each = inputs.each.items()
        self._silent = {name for name, felt in each if felt.topic is not None or (felt.wired and name in BUTTONS)}
        self._names = frozenset(self._silent)
        self._topics = {name: felt.topic for name, felt in each if felt.topic is not None and name not in BUTTONS}
        self._due: float | None = None

    def listen(self, now: float) -> None:
        """The topics are subscribed to; what counts is the first time."""
        if self._due is None:
            self._due = now + PATIENCE_SECONDS

    def heard(self, name: Input) -> None:
        """Something was heard of an input."""
        self._silent.discard(name)

    def wake_at(self) -> float:
        """The monotonic time at which `overdue` has something to say."""
        return self._due if self._due is not None and self._silent else math.inf

    def overdue(self, now: float) -> Mapping[Input, str]:
        """The topics of what lasts that have been silent for too long, once."""
        if now < self.wake_at():
            return {}
        self._due = math.inf
        return {name: topic for name, topic in self._topics.items() if name in self._silent}

    def figures(self) -> Mapping[str, float]:
        """For each of these inputs 1 while nothing was heard of it."""
        return {f"{name}_unheard": float(name in self._silent) for name in self._names}
