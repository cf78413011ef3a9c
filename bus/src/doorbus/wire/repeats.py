"""A denial that repeats is one row that grows. Pure."""

from datetime import timedelta

from doorbus.wire.messages import Decision, Outcome

_GAP = timedelta(seconds=10)
"""What has not come for so long is over."""


def subject(decision: Decision) -> tuple[object, ...]:
    """What is the same of denials, at the same door, that are one row."""
    same = ("outcome", "reason", "trigger", "person", "by", "reader")
    return tuple(getattr(decision, name) for name in same)


def goes_on(before: Decision, after: Decision) -> bool:
    """Whether a denial is of the same subject as `before`, and soon enough after it."""
    return before.outcome is Outcome.DENIED and subject(before) == subject(after) and abs(after.at - before.at) <= _GAP


def grown(before: Decision, after: Decision) -> Decision:
    """Both as one: what is known of the newer one, how often, and the frames of both."""
    frame_ids = (*after.frame_ids, *before.frame_ids)
    return after.model_copy(update={"count": before.count + after.count, "frame_ids": frame_ids})
