"""The word in what another program's device says: the whole text, or a field of its JSON. Pure."""

import json


def word_in(payload: bytes | bytearray, field: str | None) -> str | None:
    """The word; None when there is none."""
    text = payload.decode(errors="replace")
    if field is None:
        return text.strip()
    try:
        value = json.loads(text)[field]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else json.dumps(value)
