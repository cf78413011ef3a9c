"""What every service can be told: by environment (DOORBUS_...), .env, /run/secrets or command line."""

import re
import socket
import ssl
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from doorbus.homeassistant import Style
from doorbus.runtime.errors import SetupError
from doorbus.runtime.logs import LogFormat, LogLevel, configure
from doorbus.wire.channels import DEFAULT_ROOT, HOMEASSISTANT_PREFIX, Role
from doorbus.wire.ids import SLUG, is_slug
from doorbus.wire.mistakes import in_our_words
from doorbus.wire.topics import Topics

SECRETS = Path("/run/secrets")
OWN = Path("/run/settings")
"""What one service alone is told, such as its camera's password: `settings/USER` of a site's secrets."""
PREFIX = "DOORBUS_"
_LEVELS = r"^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$"


def _why(error: OSError) -> str:
    return (isinstance(error, FileNotFoundError | PermissionError) and error.strerror) or str(error)


class _Emptied(BaseModel):
    """A setting that is none unless it is given may also be given as nothing, such as by a line `NAME=` of .env."""

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_empty(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        none = {name for name, field in cls.model_fields.items() if field.default is None}
        return {name: value for name, value in given.items() if value != "" or name not in none}


class Section(_Emptied):
    """A group of settings. A name that does not exist is an error, so that a typing mistake is not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class BrokerSettings(Section):
    """Where the MQTT broker is, and who we are to it."""

    host: str = Field(default="127.0.0.1", description="Host name or address of the broker.")
    port: int = Field(default=1883, ge=1, le=65535, description="Port of the broker.")
    username: str | None = Field(default=None, description="User; the name of the service when not given.")
    password: SecretStr | None = Field(default=None, description="Password; read from password_file when not given.")
    password_file: Path | None = Field(
        default=None, description="File with the password on one line; VAR/credentials/USER when not given."
    )
    keepalive_seconds: int = Field(
        default=5,
        ge=1,
        le=3600,
        description="MQTT keep-alive, in seconds; the broker calls a service offline after one and a half times that.",
    )
    patience_seconds: float = Field(
        default=30.0,
        gt=0,
        description="A service that reaches no broker within this time of its start ends with an error, in seconds; "
        "once it was connected it tries for ever.",
    )
    tls: bool = Field(default=False, description="Speak TLS.")
    tls_ca: Path | None = Field(default=None, description="CA certificates (PEM); the system's when not given.")
    tls_cert: Path | None = Field(default=None, description="Client certificate (PEM).")
    tls_key: Path | None = Field(default=None, description="Key of the client certificate (PEM).")

    def tls_context(self) -> ssl.SSLContext | None:
        """How to speak TLS, or None; host names are always checked; raises `SetupError`."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
        except OSError as error:  # ssl.SSLError is one
            raise SetupError(
                f"{PREFIX}BROKER__TLS_CA={self.tls_ca}: {_why(error)}; it must hold PEM certificates"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls_cert is not None:
            try:
                context.load_cert_chain(self.tls_cert, self.tls_key)
            except OSError as error:
                raise SetupError(
                    f"{PREFIX}BROKER__TLS_CERT={self.tls_cert}, {PREFIX}BROKER__TLS_KEY={self.tls_key}: {_why(error)}; "
                    "they must hold a PEM certificate and its key"
                ) from None
        return context


class LogSettings(Section):
    """How a service logs, to standard error."""

    level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error.")
    format: LogFormat = Field(default=LogFormat.LOGFMT, description="logfmt (key=value) or json, one event a line.")


class HomeAssistantSettings(Section):
    """How Home Assistant finds the door, its cameras and the people."""

    enabled: bool = Field(
        default=True, description="Announce door, cameras and people to Home Assistant; false takes it back."
    )
    prefix: str = Field(
        default=HOMEASSISTANT_PREFIX,
        pattern=_LEVELS,
        description="Discovery prefix of Home Assistant; the broker's access rules must name the same: doorbus acl "
        "--homeassistant PREFIX.",
    )
    style: Style = Field(
        default=Style.COMPONENT,
        description="component: a document for each entity, understood by every version and by openHAB; device: one "
        "for each device, from Home Assistant 2024.12 on.",
    )
    portraits: bool = Field(
        default=False,
        description="Show the face that was recognised last at each camera: recognizers then send a picture of it, at "
        "most one a second each. Captures and recognizers need the same.",
    )

    area: str = Field(
        default="Entrance",
        description="Area that Home Assistant suggests for doors and cameras when it finds them; none when empty.",
    )
    console: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Address of a page about the doors, which Home Assistant links to, such as http://door.lan:8080; "
        "none when empty.",
    )


def _own_name(settings: dict[str, Any]) -> str:
    """The user's name where the site gave this process a user of its own, else the machine's."""
    broker: BrokerSettings | None = settings.get("broker")  # None where it is what was wrong
    user = None if broker is None else broker.username
    if user is not None and user not in set(Role) and is_slug(user):
        return user
    name = re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().lower()).strip("-_")
    return name[:48] or "local"


class CommonSettings(BaseSettings, _Emptied):
    """What the services and the `doorbus` command share."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",  # the environment and .env hold the other services' settings too
        frozen=True,
        cli_hide_none_type=True,
        cli_kebab_case=False,
        secrets_dir=[SECRETS, OWN],
        secrets_dir_missing="ok",
        secrets_nested_delimiter="__",
        defer_build=True,
    )

    root: str = Field(
        default=DEFAULT_ROOT,
        pattern=_LEVELS,
        description="What all topics begin with; the broker's ACL must name the same.",
    )
    var: Path = Field(default=Path("var"), description="Directory of all that a run generates.")
    broker: BrokerSettings = BrokerSettings()
    log: LogSettings = LogSettings()
    homeassistant: HomeAssistantSettings = HomeAssistantSettings()
    site_key_file: Path | None = Field(
        default=None,
        description="File with the key that seals templates (64 hexadecimal digits); VAR/credentials/site.key when not "
        "given. Only recognizer and enroller read it.",
    )
    recorder_key_file: Path | None = Field(
        default=None,
        description="File with the key that seals recordings (64 hexadecimal digits); VAR/credentials/recorder.key "
        "when not given. Only the recorder reads it, and recognizers that send it faces for review.",
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="File with the key that signs recognitions or rosters (64 hexadecimal digits); "
        "VAR/credentials/ROLE.key when not given. Only recognizer and enroller read it, each its own.",
    )
    signers_file: Path | None = Field(
        default=None,
        description="File with the public keys whose signatures count; VAR/credentials/signers when not given. All "
        "but capture read it; a console without it takes what is unsigned.",
    )

    @classmethod
    def settings_customise_sources(  # noqa: D102  # pydantic-settings' hook
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the hook's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        secrets = NestedSecretsSettingsSource(file_secret_settings)
        return init_settings, env_settings, dotenv_settings, secrets

    @property
    def topics(self) -> Topics:
        """Where the channels stand on the broker."""
        return Topics(self.root, self.homeassistant.prefix)

    @property
    def site_key_path(self) -> Path:
        """Where the site key is."""
        return self.site_key_file or self.var / "credentials" / "site.key"

    @property
    def recorder_key_path(self) -> Path:
        """Where the key is that seals recordings."""
        return self.recorder_key_file or self.var / "credentials" / "recorder.key"

    @property
    def signers_path(self) -> Path:
        """Where the public keys are whose signatures count."""
        return self.signers_file or self.var / "credentials" / "signers"

    def signing_key_path(self, role: Role) -> Path:
        """Where the key is that `role` signs with."""
        return self.signing_key_file or self.var / "credentials" / f"{role}.key"

    def password_path(self, role: str) -> Path:
        """Where the password of the broker's user is, unless it is set."""
        return self.broker.password_file or self.var / "credentials" / (self.broker.username or role)

    def password(self, role: str) -> str | None:
        """Password of the broker's user: as set, or from its file; None when there is neither.

        Raises `SetupError` for a file that cannot be read.
        """
        if self.broker.password is not None:
            return self.broker.password.get_secret_value()
        path = self.password_path(role)
        if not path.exists() and self.broker.password_file is None:
            return None
        try:
            return path.read_text().strip()
        except OSError as error:
            raise SetupError(
                f"DOORBUS_BROKER__PASSWORD_FILE={path}: {error.strerror}; may this user read it?"
            ) from None


class ServiceSettings(CommonSettings):
    """What every service can be told."""

    instance: Annotated[str, Field(pattern=f"^{SLUG}$")] = Field(
        default_factory=_own_name,
        description="Name of this process among its like; of two with the same name the later one ends. When not "
        "given: the name of a user of its own (BROKER__USERNAME), else of the machine.",
    )
    health_seconds: float = Field(
        default=2.0,
        gt=0,
        description="How often health is published, in seconds; also how late a command or frame without a time of its "
        "own may come beyond its life on the bus, before it is refused.",
    )
    status_file: Path | None = Field(
        default=None,
        description="File that is written anew every second, for `python -m doorbus.healthcheck`; none when not given.",
    )

    @property
    def floors(self) -> Path:
        """Directory of the versions that a reader of maps has seen."""
        return self.var / "floors"


S = TypeVar("S", bound=CommonSettings)

_NOT_MADE = "default_factory_not_called"
"""What pydantic says of a default that depends on other settings, where these are the mistake."""


def load(kind: type[S], arguments: list[str] | None = None) -> S:
    """The settings of this process; raises `SetupError` with a sentence for each mistake.

    `arguments` are the command line's (`--help` lists them all); None takes those of the process.
    """
    try:
        given = sys.argv[1:] if arguments is None else arguments
        settings = kind(_cli_parse_args=given or None)  # to parse nothing takes a parser of all settings
    except ValidationError as error:
        mistakes = [one for one in error.errors(include_url=False, include_context=False) if one["type"] != _NOT_MADE]
        raise SetupError("\n".join(_sentence(mistake) for mistake in mistakes)) from None
    except SettingsError as error:
        raise SetupError(f"settings: {error}") from None
    except OSError as error:  # .env, or a file in /run/secrets
        raise SetupError(f"{error.filename}: {_why(error)}; may this user read it?") from None
    configure(settings.log.level, settings.log.format)
    return settings


def _sentence(mistake: ErrorDetails) -> str:
    name = PREFIX + "__".join(str(part) for part in mistake["loc"]).upper()
    if mistake["type"] == "extra_forbidden":  # its value may be a secret whose name was mistyped
        return f"{name}: there is no such setting; --help lists them"
    if mistake["input"] == "":
        return f"{name} is empty: give it a value, or take it out to have its default; --help tells both"
    value = f"={mistake['input']}"
    secret = any(word in name for word in ("PASSWORD", "SECRET", "KEY", "TOKEN"))
    if secret or name.endswith("__SOURCE") or "@" in value or isinstance(mistake["input"], dict):
        value = ""  # an address may hold a password or a token, and so may a whole section
    return f"{name}{value}: {in_our_words(mistake['msg'])}"
