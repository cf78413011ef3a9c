"""Variables that look like settings of doorbus and are read by nothing, as a misspelt section is."""

import os
import re
from collections.abc import Iterable, Iterator

from pydantic_settings import DotEnvSettingsSource

from doorbus.runtime.settings import PREFIX, CommonSettings, ServiceSettings
from doorbus.wire.channels import OPTIONAL, SERVICES

_OUTSIDE = frozenset(
    {
        *(
            "ACCELERATORS",
            "BROKER_IMAGE",
            "CALLED",
            "CAMERA_DEVICE",
            "CONSOLE_ADDRESS",
            "CONSOLE_PORT",
            "DLIB",
            "ENGINE",
        ),
        *("GPIO_DEVICE", "GPIO_GROUP", "HOSTNAME", "LISTENERS", "METRICS_ADDRESS", "METRICS_PORT", "PICTURES"),
        *("PLAIN_PORT", "PYTHON_IMAGE", "RECOGNIZERS", "RECOGNIZER_MEMORY", "SECRETS", "TAG", "TENSORFLOW"),
        *("TLS_ADDRESS", "TLS_PORT", "VIDEO_GROUP"),
    }
)
"""What the containers and scripts around the services are told, without the prefix."""
_OF_KUBERNETES = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP)\w*)")
"""What Kubernetes tells every container of each of its services, one called doorbus-broker included."""


def strays(kind: type[CommonSettings]) -> Iterator[tuple[str, str]]:
    """The strays among the environment and .env, each with what to do about it."""
    given = {name.upper() for name in (*os.environ, *DotEnvSettingsSource(kind).env_vars)}
    return strays_among(given, kind)


def strays_among(names: Iterable[str], kind: type[CommonSettings]) -> Iterator[tuple[str, str]]:
    """Names that begin as settings do and that nothing reads: `kind`, another service, a script or a container."""
    sections = {role.value.upper() for role in (*SERVICES, *OPTIONAL)}
    known = {name.upper() for one in (kind, ServiceSettings) for name in one.model_fields} | sections | _OUTSIDE
    for name in sorted(names):
        first, separator, rest = name.removeprefix(PREFIX).partition("__")
        if not name.startswith(PREFIX) or first in known or _OF_KUBERNETES.fullmatch(first):
            continue
        from difflib import get_close_matches  # noqa: PLC0415  # large, and there is hardly ever a stray

        meant = get_close_matches(first, known, 1, 0.7)
        begun = [one for one in sections if first.startswith(f"{one}_")]
        if begun and not separator:
            meant, separator, rest = begun, "__", first.removeprefix(f"{begun[0]}_")
        advice = f"is {PREFIX}{meant[0]}{separator}{rest} meant?" if meant else ".env.example has all names"
        yield name, f"nothing of doorbus reads it; {advice}"
