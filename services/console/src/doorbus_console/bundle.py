"""What somebody who helps wants to see, without anything that is a secret, a name or a picture."""

import io
import platform
import re
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

_LIBRARIES = (
    "doorbus",
    "doorbus-console",
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic",
    "aiomqtt",
    "webauthn",
    "jinja2",
)
_TAIL_BYTES = 64 * 1024
_SECRETS = re.compile(r"(key=|token=|password=?|secret=?|code=?)[^\s&\"']+|doorbus_[\w-]{20,}", re.IGNORECASE)


def zipped(files: Mapping[str, str]) -> bytes:
    """The texts as one archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def versions() -> str:
    """What runs here."""
    lines = [f"python {platform.python_version()}", f"platform {platform.platform()}"]
    for name in _LIBRARIES:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} not installed as a package")
    return "\n".join(lines) + "\n"


def settings(given: BaseModel) -> str:
    """What was set, as in .env; secrets are starred out by their type."""
    return "".join(f"{name}={value}\n" for name, value in given.model_dump().items())


def tails(logs: Path) -> dict[str, str]:
    """The ends of log files, where services of this machine write some; what looks like a secret is starred out."""
    return {f"logs/{path.name}": _without_secrets(_end(path)) for path in _sorted(logs.glob("*.log"))}


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file())


def _end(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace")


def _without_secrets(text: str) -> str:
    return _SECRETS.sub(lambda found: f"{found[1] or ''}***", text)
