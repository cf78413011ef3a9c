"""What DOORBUS_CAPTURE__SOURCE says: which kind of camera, and where. Pure."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from doorbus.wire.foreign import why_not_foreign

SNAPSHOT_PREFIX = "snapshot+"
MQTT_PREFIX = "mqtt:"
WEBHOOK_PREFIX = "webhook:"
_VIDEO_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "srt")
_WEB_SCHEMES = ("http", "https")
_PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")
_SECRET = re.compile(r"(?i)((?:user|login|pass|pwd|token|key|auth)[^=/]*=)[^/]*")
_ESCAPED = "write / ? # @ % in a user or password as %2F %3F %23 %40 %25, and an @ behind the host as %40"
_AUTHORITY = re.compile(r"(?P<scheme>[^:/]+://)(?P<credentials>[^/?#]*)@(?P<place>.*)", re.DOTALL)
_CUT_OFF = re.compile(
    r"^[^:/]+://(?:[^/?#@]*:[0-9]*[/?#].*@[^/?#@&=]+|[^/?#]*#.*@.*|[^/?#]*[/?#].*@[^/?#@&=]*\.[^/?#@&=]*)(?:[/?]|$)",
    re.DOTALL,
)
"""Behind the first slash stands an @ with what looks like a host: the slash may be one of the password, which has
made what stands before it the host that is looked up. An @ in a path or a query is as good as %40."""
_HIDDEN = r"\1..."
_HIGHEST_PORT = 65535
_LOOPBACK = "127.0.0.1"
_LISTEN = re.compile(r"(?:([0-9.]+|\[[0-9A-Fa-f:.]+\]):)?([0-9]{1,5})")


class Kind(StrEnum):
    """The kinds of source."""

    SAMPLE = "sample"
    NONE = "none"
    DEVICE = "device"
    STREAM = "stream"
    SNAPSHOT = "snapshot"
    MQTT = "mqtt"
    """Another program's topic on our own broker."""
    WEBHOOK = "webhook"
    """Pictures that others send us by HTTP."""
    PATH = "path"
    """A file or a directory; which of them is looked up when it is opened."""

    @property
    def live(self) -> bool:
        """Whether a camera is behind it, whose pictures differ at least by their noise."""
        return self in {Kind.DEVICE, Kind.STREAM, Kind.SNAPSHOT}


@dataclass(frozen=True)
class Address:
    """A source as the settings name it."""

    kind: Kind
    location: str = field(repr=False)
    """Device number or path, URL, topic, where to listen, or path; may hold credentials."""

    @property
    def topic(self) -> str:
        """The topic of an `mqtt` source."""
        return self.location.removeprefix(MQTT_PREFIX)

    @property
    def listen(self) -> tuple[str, int]:
        """Address and port of a `webhook` source; the loopback when it names no address."""
        host, _, port = self.location.removeprefix(WEBHOOK_PREFIX).rpartition(":")
        return host.strip("[]") or _LOOPBACK, int(port)

    def with_password(self, password: str) -> "Address":
        """This address with the password of the user that its URL names, if it names one without."""
        scheme, separator, rest = self.location.partition("://")
        place, slash, path = rest.partition("/")
        user, at, host = place.rpartition("@")
        if not separator or not at or ":" in user:
            return self
        return Address(self.kind, f"{scheme}://{user}:{quote(password, safe='')}@{host}{slash}{path}")

    @property
    def shown(self) -> str:
        """The location for people: without user, password, query, and whatever else looks like a credential."""
        scheme, separator, rest = self.location.partition("://")
        if not separator:
            return self.location
        # The last @ ends the credentials, also where a / or ? in the password makes the URL wrong.
        place = rest.rpartition("@")[2]
        place, mark, _ = place.partition("?")
        place = place.partition("#")[0]
        return f"{scheme}://{_SECRET.sub(_HIDDEN, place)}{'?...' if mark else ''}"


def parse(text: str) -> Address:
    """The source that a setting names.

    Raises:
        ValueError: it can be none; the text names the kinds that there are, and no credentials.
    """
    text = text.strip()
    if text in {Kind.SAMPLE, Kind.NONE}:
        return Address(Kind(text), text)
    if text.isdecimal() or re.fullmatch(r"/dev/video\d+", text):
        return Address(Kind.DEVICE, text)
    if not text or "\0" in text:
        raise ValueError(f"is no source; give one of {_KINDS}")
    if text.startswith(MQTT_PREFIX):
        return _topic(text)
    if text.startswith(WEBHOOK_PREFIX):
        return _webhook(text)
    if "://" not in text:
        if re.match(r"(?!\.|/(?!/)).*:.*@", text):  # it is not repeated: a password is in it
            raise ValueError("is no file, but looks like user, password and host: begin it with rtsp:// or http://")
        return Address(Kind.PATH, text)
    return _url(text)


def _with_one_at(url: str) -> str:
    """The URL with an @ in user or password escaped: the last one before the path ends them, whoever reads it."""
    found = _AUTHORITY.fullmatch(url)
    if found is None:
        return url
    return f"{found['scheme']}{found['credentials'].replace('@', '%40')}@{found['place']}"


_KINDS = (
    "`sample`, `none`, a device number, a file, a directory, a stream (rtsp://, http://...), a topic (mqtt:TOPIC), "
    "a port for pictures by HTTP (webhook:PORT) or a snapshot URL (snapshot+http://..., or http:// and a name that "
    "ends in .jpg)"
)


def _topic(text: str) -> Address:
    address = Address(Kind.MQTT, text)
    why = why_not_foreign(address.topic)
    if why is not None or set(address.topic) & set("+#"):
        raise ValueError(
            f"{text}: give one topic of another program on our own broker, such as mqtt:frigate/porch/person/snapshot"
        )
    return address


def _webhook(text: str) -> Address:
    match = _LISTEN.fullmatch(text.removeprefix(WEBHOOK_PREFIX))
    if match is not None and 0 < int(match[2]) <= _HIGHEST_PORT:
        with suppress(ValueError):
            ip_address((match[1] or _LOOPBACK).strip("[]"))
            return Address(Kind.WEBHOOK, text)
    # What was given is not repeated: somebody may have put the token there, as in the URL.
    raise ValueError("give webhook:PORT or webhook:ADDRESS:PORT, such as webhook:8090, webhook:0.0.0.0:8090")


def _url(text: str) -> Address:
    asked_for_snapshot = text.startswith(SNAPSHOT_PREFIX)
    address = Address(Kind.STREAM, _with_one_at(text.removeprefix(SNAPSHOT_PREFIX)))
    schemes = _WEB_SCHEMES if asked_for_snapshot else _VIDEO_SCHEMES
    scheme = address.location.partition("://")[0].lower()
    if scheme not in schemes:
        raise ValueError(f"{scheme}:// is not known here; give one of {_KINDS}")
    if any(character <= " " for character in text):
        raise ValueError(f"{address.shown}: a URL has no spaces; write %20")
    try:
        parts = urlsplit(address.location)
        complete = bool(parts.hostname) and (parts.port is None or 0 < parts.port <= _HIGHEST_PORT)
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(f"{address.shown}: no host and port; {_ESCAPED}")
    behind = address.location.rpartition("@")[2].lower()
    is_named_so = behind.endswith(_PICTURE_ENDINGS) and "/" not in behind  # such as snap@2x.jpg
    if _CUT_OFF.search(address.location) and not is_named_so:
        raise ValueError(f"{address.shown}: what stands before the last @ is not all user and password; {_ESCAPED}")
    is_picture = scheme in _WEB_SCHEMES and parts.path.lower().endswith(_PICTURE_ENDINGS)
    return Address(Kind.SNAPSHOT if asked_for_snapshot or is_picture else Kind.STREAM, address.location)
