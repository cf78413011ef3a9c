"""What the console can be told."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.ids import listed
from doorbus_console.identity import Unknown, roles

COMPATIBLE = ("arsfutura", "moreillon", "facerec", "compreface", "doubletake")
"""Programs whose calls can be taken."""

Network = IPv4Network | IPv6Network


class Confirm(StrEnum):
    """Who confirms an unlock with a passkey."""

    NEVER = "never"
    OWN = "own"
    ALWAYS = "always"


class Oidc(Section):
    """An OpenID Connect provider, such as Keycloak or Authentik, by which people may sign in."""

    issuer: str = Field(
        default="",
        description="Address of the provider, such as https://id.example/realms/office, with https unless it is on "
        "this machine; none when empty. The provider is told to send people back to URL/login/oidc/callback.",
    )
    client_id: str = Field(default="", description="What the provider calls this console.")
    client_secret: SecretStr | None = Field(
        default=None,
        description="Secret of that client; read from client_secret_file when not given. None: a public one.",
    )
    client_secret_file: Path | None = Field(default=None, description="File with that secret on one line.")
    tls_ca: Path | None = Field(
        default=None, description="CA certificates (PEM) of the provider; the system's when not given."
    )
    label: str = Field(
        default="", max_length=64, description="What the page that people sign in on calls the provider."
    )
    scopes: str = Field(default="openid profile email", description="Scopes that are asked for, with spaces between.")
    name_claim: str = Field(default="preferred_username", description="Claim that an account gets its name of.")
    roles_claim: str = Field(
        default="groups",
        description="Claim with somebody's groups or roles; dots lead into it, as in realm_access.roles.",
    )
    roles: str = Field(
        default="",
        description="Which of these makes whom what, such as door-admins=admin, staff=resident: told at each sign-in. "
        "When empty, accounts are what the console's own page makes them.",
    )
    unknown: Unknown = Field(
        default=Unknown.REFUSE,
        description="Who has none of these, or no account here: refuse, or resident (of every door).",
    )
    session_hours: float = Field(
        default=12.0,
        gt=0,
        le=720,
        description="How long who has signed in so stays signed in, in hours: for so long, at most, who was removed at "
        "the provider goes on.",
    )

    @field_validator("issuer")
    @classmethod
    def _issuer_is_safe(cls, text: str) -> str:
        if text and not is_safe(text):
            raise ValueError("an address with https://; http:// for this machine alone")
        return text

    @field_validator("roles")
    @classmethod
    def _roles_are_known(cls, text: str) -> str:
        roles(text)
        return text

    @model_validator(mode="after")
    def _client_is_named(self) -> "Oidc":
        if self.issuer and not self.client_id:
            raise ValueError("issuer needs client_id, which the provider gives")
        return self

    def secret(self) -> str | None:
        """The client's secret: as set, or from its file; raises `SetupError`."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        if self.client_secret_file is None:
            return None
        try:
            return self.client_secret_file.read_text().strip()
        except OSError as error:
            raise SetupError(
                f"DOORBUS_CONSOLE__OIDC__CLIENT_SECRET_FILE={self.client_secret_file}: {error.strerror}; may this user "
                "read it?"
            ) from None


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
        f"{', '.join(COMPATIBLE)}, with commas between; true in make run.",
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
    oidc: Oidc = Oidc()
    assets: Path | None = Field(
        default=None,
        description="Directory of the scripts that pages load, which make setup fetches; VAR/assets when not given.",
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


def is_safe(address: str) -> bool:
    """Whether what is sent to this address cannot be read on its way: by https, or on this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname)))


def _is_here(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


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
