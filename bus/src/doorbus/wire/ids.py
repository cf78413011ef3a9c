"""What an id is: the name of a door, camera, person or instance, as it stands in topics. Pure."""

import hashlib
import re
import unicodedata

SLUG = r"[a-z0-9][a-z0-9_-]{0,63}"
"""A regular expression for the whole of an id."""

_WHOLE = re.compile(SLUG)
_MOST = 64


def is_slug(text: str) -> bool:
    """Whether `text` can be an id."""
    return _WHOLE.fullmatch(text) is not None


def listed(text: str) -> tuple[str, ...]:
    """What a setting lists between commas; empty parts are none."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def id_of_name(name: str, kind: str = "person") -> str | None:
    """The id that is made of the name of a person, or of another `kind`; None for one without a letter or digit.

    A name of which no letter fits into an id, such as one in Greek, makes an id of its digest behind the kind.
    """
    if not any(map(str.isalnum, name)):
        return None
    folded = unicodedata.normalize("NFKD", name)
    plain = folded.replace("ß", "ss").replace("ẞ", "ss")
    words = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")
    whole = " ".join(folded.casefold().split())
    return words[:_MOST] or f"{kind}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def id_of_model(model: str) -> str:
    """The id of an embedding model: its name, and a digest of all of it, because models differ in what ids lack."""
    name = re.sub(r"[^a-z0-9]+", "-", model.partition("@")[0].lower()).strip("-")[:32]
    return f"{name or 'model'}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
