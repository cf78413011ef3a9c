"""Pages from templates. The only importer of jinja2."""

import gettext
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from doorbus import __version__
from doorbus.wire.messages import utc
from doorbus_console import names, plot, posing, scene, sentences, words

PACKAGE = Path(__file__).parents[1]
LANGUAGES = ("en", "de")


class Pages:
    """Renders templates in a language. `assets` is where files are that pages load, by name, besides our own."""

    def __init__(self, assets: Path) -> None:
        self._folders = (PACKAGE / "static", assets)
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        """The template's text with these values."""
        return self._environments[language].get_template(template).render(values)

    def say(self, text: str, language: str) -> str:
        """A text that was marked for translation."""
        return _translations(language).gettext(text)

    def told(self, text: str, language: str) -> str:
        """A text of the enroller."""
        return sentences.translated(text, _translations(language).gettext)

    def file(self, name: str) -> Path | None:
        """A file that pages load."""
        if name in {"", ".", ".."} or Path(name).name != name:  # it comes from an address
            return None
        return next((path for folder in self._folders if (path := folder / name).is_file()), None)

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=PackageLoader("doorbus_console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        installed: Any = environment
        installed.install_gettext_translations(_translations(language), newstyle=True)
        environment.globals |= {
            "language": language,
            "version": __version__,
            "states": words.STATES,
            "asks": words.ASKS,
            "alarms": words.ALARMS,
            "reasons": words.REASONS,
            "errors": words.ERRORS,
            "rights": words.RIGHTS,
            "weaknesses": words.WEAKNESSES,
            "hints": words.HINTS,
            "advised": posing.advised,
            "dots": plot.dots,
            "outcome": words.outcome,
            "who": scene.who,
            "told_apart": names.told_apart,
            "caption": scene.caption,
            "asset": self._address_of,
        }
        environment.filters |= {"utc": _utc, "told": partial(self.told, language=language)}
        return environment

    def _address_of(self, name: str) -> str:
        """Where browsers load a file; the address changes with it, so that they may keep it."""
        path = self.file(name)
        return f"/assets/{name}?{'missing' if path is None else _digest(path, path.stat().st_mtime_ns)}"


def language_of(accepted: str) -> str:
    """The language of ours that a browser likes best; English where it likes none."""
    wished: list[tuple[float, str]] = []
    for part in accepted.split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            wished.append((-float(quality or 1), name.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((name for _, name in sorted(wished, key=lambda one: one[0]) if name in LANGUAGES), LANGUAGES[0])


@cache
def _translations(language: str) -> gettext.NullTranslations:
    return gettext.translation("console", PACKAGE / "locale", [language], fallback=True)


@cache
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _utc(moment: datetime) -> str:
    return utc(moment)
