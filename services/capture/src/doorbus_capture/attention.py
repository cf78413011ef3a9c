"""Whether somebody is waiting before the camera whom its next pictures may let in. Pure.

The motion gate falls silent before a person who stands still, and pictures that are far apart never agree. So a face
that was seen and not decided keeps the camera awake for a while, and so does somebody who rings. Who is asked to blink
or to turn is watched more closely still.
"""

from dataclasses import dataclass, replace

from doorbus.wire.messages import Decision, Reason, Trigger

LONGEST_SECONDS = 30.0
"""Attention lasts so long at a time without motion: a portrait on the wall must not keep the camera awake for ever."""

_SETTLED = frozenset(
    {
        Reason.MATCHED,
        Reason.LOCKDOWN,
        Reason.CLOCK_IMPLAUSIBLE,
        Reason.STALE,
        Reason.FROM_THE_FUTURE,
        Reason.REPLAYED,
        Reason.ROSTER_INCOMPLETE,
        Reason.NOT_ON_ROSTER,
        Reason.DISABLED,
        Reason.NOT_YET_VALID,
        Reason.NO_LONGER_VALID,
        Reason.NOT_ENTITLED,
        Reason.OUTSIDE_HOURS,
        Reason.CHALLENGE_FAILED,
        Reason.COOLDOWN,
        Reason.RELAY_FAILED,
        Reason.JOURNAL_FAILED,
    }
)
"""What no picture changes. All else, such as `awaiting_votes` or `low_confidence`, a better one may turn."""


@dataclass(frozen=True)
class Attention:
    """Since when a face waits, and when it was last told of, in monotonic seconds; None while nobody waits."""

    since: float | None = None
    told_at: float | None = None
    rung_at: float | None = None
    """When somebody rang last, in monotonic seconds."""
    asked_until: float | None = None
    """Until when the door asks somebody before this camera for something, in monotonic seconds."""

    def after(self, decision: Decision, now: float) -> "Attention":
        """The state after a decision about frames of this camera."""
        if decision.trigger is not Trigger.FACE:
            return self
        if decision.reason in _SETTLED:
            return replace(self, since=None, told_at=None)
        lapsed = self.told_at is None or now - self.told_at > LONGEST_SECONDS
        return replace(self, since=now if lapsed else self.since, told_at=now)

    def rung(self, now: float) -> "Attention":
        """The state after somebody has rung."""
        return replace(self, rung_at=now)

    def asked(self, seconds: float, now: float) -> "Attention":
        """The state after the door has asked for something for so many seconds; none or fewer when it asks no more."""
        return replace(self, asked_until=now + min(seconds, LONGEST_SECONDS))

    def asks(self, now: float) -> bool:
        """Whether the door asks for something."""
        return self.asked_until is not None and now < self.asked_until

    def rings(self, seconds: float, now: float) -> bool:
        """Whether somebody has rung within so many seconds."""
        return self.rung_at is not None and now - self.rung_at < seconds

    def waits(self, seconds: float, moved_at: float | None, now: float) -> bool:
        """Whether to send all that the camera sees.

        Args:
            seconds: for how long after a decision.
            moved_at: when something last moved, in monotonic seconds.
            now: monotonic seconds.
        """
        if self.since is None or self.told_at is None:
            return False
        began = max(self.since, self.since if moved_at is None else moved_at)
        return now - self.told_at < seconds and now - began < LONGEST_SECONDS


NOBODY_WAITS = Attention()
