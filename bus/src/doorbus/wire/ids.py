"""What an id is: the name of a door, camera, person or instance, as it stands in topics. Pure."""

import re

SLUG = r"[a-z0-9][a-z0-9_-]{0,63}"
"""A regular expression for the whole of an id."""

_WHOLE = re.compile(SLUG)


def is_slug(text: str) -> bool:
    """Whether `text` can be an id."""
    return _WHOLE.fullmatch(text) is not None
