"""Text for people that came from elsewhere, without what would do more than be read. Pure."""

import unicodedata

_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of whatever stands beside them."""


def plain(text: str) -> str:
    """The text with a question mark for each control character, line break and sign that turns the direction."""
    if text.isprintable():
        return text
    return "".join("?" if one in _TURNS or unicodedata.category(one) in _CONTROLS else one for one in text)
