"""What is wrong with a message, in a few words. Pure."""

import re
from typing import NamedTuple

from pydantic import ValidationError

from doorbus.wire.ids import SLUG


class Mistake(NamedTuple):
    """One thing that is wrong: which `kind` in pydantic's words, at which `place` (`faces.0.box`), and why."""

    kind: str
    place: str
    why: str

    def __str__(self) -> str:
        """Place and reason, and nothing of the value."""
        return f"{self.place}: {self.why}" if self.place else self.why


def first_mistake(error: ValidationError) -> Mistake:
    """The first of what is wrong."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return Mistake(first["type"], ".".join(map(str, first["loc"])), in_our_words(first["msg"]))


def in_our_words(message: str) -> str:
    """A message of pydantic's without what it puts before the sentence of a rule of ours, and without its patterns."""
    if message.endswith(f"'^{SLUG}$'"):
        return "an id is a-z, 0-9, _ and -, at most 64 of them, and begins with a-z or 0-9"
    if message == "Extra inputs are not permitted":
        return "there is no such field"
    return re.sub(r"^(Value error|Assertion failed), ", "", message)
