"""Lines of text for a terminal. Pure."""

from rich.text import Text


def clean(text: str) -> str:
    """Text from the bus without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def line(*parts: str | tuple[str, str]) -> Text:
    """One line of text, empty parts left out; a pair is a text and its style."""
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text(" ").join(Text(clean(text), style) for text, style in pairs if text)
