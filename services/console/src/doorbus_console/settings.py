"""What the console can be told."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import Field, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.ids import listed

COMPATIBLE = ("arsfutura", "moreillon", "facerec", "compreface")
"""Programs whose calls can be taken."""

Network = IPv4Network | IPv6Network


class Confirm(StrEnum):
    """Who confirms an unlock with a passkey."""

    NEVER = "never"
    OWN = "own"
    ALWAYS = "always"


class Console(Section):
    """A page and an HTTP API for people, and for programs that do not speak MQTT."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 is every one of this machine.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port to listen on.")
    url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+)?$",
        description="How browsers reach the page, such as https://door.example; http://HOST:PORT when empty.",
    )
    compat: str = Field(
        default="false",
        description="Take the calls of other programs, so that their clients work unchanged: true for all, or some of "
        f"{', '.join(COMPATIBLE)}, with commas between.",
    )
    trusted: str = Field(
        default="",
        description="Addresses that may make those calls without a token, such as 192.168.1.20 or 192.168.1.0/24, with "
        "commas between. Whoever has one of them can open the doors.",
    )
    proxies: str = Field(
        default="",
        description="Addresses of reverse proxies whose X-Forwarded-For and -Proto count, with commas between.",
    )
    tls_cert: Path | None = Field(default=None, description="Certificate (PEM) to speak TLS with.")
    tls_key: Path | None = Field(default=None, description="Key (PEM) of that certificate.")
    confirm: Confirm = Field(
        default=Confirm.NEVER,
        description="Whether an unlock from the page is confirmed with a passkey: never, own (by accounts that have "
        "one) or always (who has none cannot unlock). Programs have their tokens.",
    )
    assets: Path | None = Field(
        default=None, description="Directory of the scripts that pages load; VAR/assets when not given."
    )
    answer_seconds: float = Field(
        default=3.0, gt=0, le=30, description="How long a page waits for a door's answer to a command, in seconds."
    )
    enrol_seconds: float = Field(
        default=30.0, gt=0, le=300, description="How long a page waits for the enroller's answer, in seconds."
    )

    @field_validator("compat")
    @classmethod
    def _compat_is_known(cls, text: str) -> str:
        compatible(text)
        return text

    @field_validator("trusted", "proxies")
    @classmethod
    def _networks_can_be_read(cls, text: str) -> str:
        networks(text)
        return text

    @property
    def compatible(self) -> frozenset[str]:
        """The programs whose calls are taken."""
        return compatible(self.compat)

    @property
    def address(self) -> str:
        """How browsers reach the page."""
        scheme = "http" if self.tls_cert is None else "https"
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  # compared
        return self.url or f"{scheme}://{host}:{self.port}"


class ConsoleSettings(ServiceSettings):
    """All settings of the console."""

    console: Console = Console()

    @property
    def folder(self) -> Path:
        """Where accounts and tokens are kept."""
        return self.var / "console"

    @property
    def assets(self) -> Path:
        """Where setup has put what pages load besides our own."""
        return self.console.assets or self.var / "assets"


def compatible(text: str) -> frozenset[str]:
    """The names in a setting; raises `ValueError`."""
    words = set(listed(text.lower()))
    if words <= {"false", "no", "off", "0", "none"}:
        return frozenset()
    if words <= {"true", "yes", "on", "1", "all"}:
        return frozenset(COMPATIBLE)
    if words <= set(COMPATIBLE):
        return frozenset(words)
    raise ValueError(f"true, false, or some of {', '.join(COMPATIBLE)}")


def networks(text: str) -> tuple[Network, ...]:
    """The networks in a setting; raises `ValueError`."""
    return tuple(ip_network(word, strict=False) for word in listed(text))
