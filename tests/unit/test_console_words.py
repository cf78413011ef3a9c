"""The words of the console in German."""

import gettext
import re
from pathlib import Path

import pytest

from doorbus_console import words
from doorbus_console.web.rendering import PACKAGE

SAME = {"Code", "Codes", "Name", "Passkeys", "Person", "System"}
"""What is the same word in both."""
GERMAN = gettext.translation("console", PACKAGE / "locale", ["de"])
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
CODE = sorted((PACKAGE / "web").glob("*.py"))
TABLES = (
    *(words.STATES, words.ASKS, words.ALARMS, words.REASONS, words.ERRORS),
    *(words.NOT_ADMITTED, words.HINTS, words.WEAKNESSES, words.RIGHTS),
)


def _said(path: Path) -> set[str]:
    return {
        text for pair in re.findall(r"""_\((?:"([^"]+)"|'([^']+)')[,)]""", path.read_text()) for text in pair if text
    }


@pytest.mark.parametrize("path", [*TEMPLATES, *CODE], ids=lambda path: path.stem)
def test_every_text_of_a_page_is_there_in_german(path: Path) -> None:
    assert {text for text in _said(path) if GERMAN.gettext(text) == text} <= SAME


def test_everything_that_a_door_or_the_enroller_says_is_there_in_german() -> None:
    texts = {text for table in TABLES for text in table.values()} | {"let in", "opened", "refused"}

    assert {text for text in texts if GERMAN.gettext(text) == text} == set()


def test_pages_have_texts() -> None:
    assert len(set().union(*map(_said, TEMPLATES))) > 80
