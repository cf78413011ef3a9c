"""What a broker on this machine needs: credentials, access rules, listeners and a site key under var/."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from secrets import token_hex
from typing import NoReturn

from doorbus.runtime.settings import CommonSettings
from doorbus.site import acl
from doorbus.site.passwords import new_password, password_file
from doorbus.wire.channels import Role
from doorbus.wire.topics import DEFAULT_TOPICS, Topics

REPOSITORY_CONFIG = Path("mosquitto")
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on an ordinary user's PATH in Debian
SITE_KEY = "site.key"


class LocalError(Exception):
    """This machine lacks something, or a process did not come up; the text says the way out."""


def prepare(var: Path, port: int, config: Path = REPOSITORY_CONFIG, topics: Topics = DEFAULT_TOPICS) -> Path:
    """Write what the broker needs under `var`; return the directory to start mosquitto in.

    The access rules are those of `topics`. Credentials that exist are kept. Raises `LocalError`.
    """
    credentials = var / "credentials"
    credentials.mkdir(parents=True, exist_ok=True)
    credentials.chmod(0o700)
    for role in Role:
        _secret(credentials / role, new_password())
    _secret(credentials / SITE_KEY, token_hex(32))

    home = var / "broker"
    inside = home / "mosquitto"
    for name in ("data", "listeners", "secrets"):
        (inside / name).mkdir(parents=True, exist_ok=True)
    link = inside / "config"
    link.unlink(missing_ok=True)
    link.symlink_to(config.resolve(strict=True))
    # Started as root, mosquitto would become the user `mosquitto`, who cannot read a var/ that only root may enter.
    user = "user root\n" if os.geteuid() == 0 else ""
    (inside / "listeners" / "local.conf").write_text(f"listener {port} 127.0.0.1\n{user}")

    passwords = {role.value: (credentials / role).read_text().strip() for role in Role}
    for name, text in (("passwords", password_file(passwords)), ("acl", acl.text(topics))):
        fresh = inside / "secrets" / f"{name}.new"
        _write_private(fresh, text)
        fresh.replace(fresh.with_suffix(""))
    return home


def _secret(path: Path, value: str) -> None:
    if not path.exists():
        _write_private(path, value + "\n")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _find(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise LocalError(f"{program}: not found; install it with: apt-get install mosquitto mosquitto-clients")
    return found


def broker_command() -> list[str]:
    """How mosquitto is started in the directory that `prepare` returns."""
    return [_find("mosquitto"), "-c", "mosquitto/config/mosquitto.conf"]


def check_store(home: Path) -> None:
    """Set aside a store of the broker in `home` that mosquitto cannot read; says so on standard error."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SBIN}"}
    subprocess.run(["mosquitto/config/check-store", "mosquitto/data"], cwd=home, env=environment, check=False)  # noqa: S607  # our own


def become_broker(settings: CommonSettings) -> NoReturn:
    """Write the broker's files and become mosquitto; raises `LocalError`, also for a port that is taken."""
    port = settings.broker.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalError(
                f"DOORBUS_BROKER__PORT={port}: {error.strerror}; another broker runs (systemctl stop mosquitto?), "
                "or choose another port"
            ) from None
    home = prepare(settings.var, port, topics=settings.topics)
    command = broker_command()
    check_store(home)
    os.chdir(home)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted
