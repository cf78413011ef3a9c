"""Two processes under one name: which of them goes. Pure.

Every service publishes its health under its service and instance name, and listens to that topic itself. Hearing health
that it did not send, it knows of a namesake, or of a predecessor whose last will came late, or whose health the broker
still retains: one that was killed together with its broker says for ever that it is online.
"""

from datetime import datetime
from enum import StrEnum

from doorbus.wire.messages import Health, Presence

SETTLED_SECONDS = 10.0
"""How long a process must have been connected to be the rightful holder of its name: long enough for the health of two
that connected together to have crossed."""


class Answer(StrEnum):
    """What to do on hearing health under one's own name."""

    NOTHING = "nothing"
    SPEAK = "speak"
    """Publish one's own health at once: the retained one is not ours, and a newcomer should hear of us."""
    YIELD = "yield"
    """End: another process has the name."""


def on_health(heard: Health, started_at: datetime, connected_seconds: float, *, again: bool) -> Answer:
    """What a process that started at `started_at`, and is connected since `connected_seconds`, does on hearing `heard`.

    Who is connected for long stays; of two newcomers the one that started first. So no clock of another machine can
    push a service that is at work off its name. Nobody goes before the other is heard `again` on this connection: who
    is at work answers whoever speaks under its name, and what is retained comes once.
    """
    ours = heard.started_at == started_at
    if heard.state is Presence.OFFLINE:  # a last will, late: ours of a connection before, or a dead predecessor's
        return Answer.SPEAK
    if ours:
        return Answer.NOTHING
    if connected_seconds >= SETTLED_SECONDS or started_at < heard.started_at or not again:
        return Answer.SPEAK
    return Answer.YIELD
