"""What a local run needs under var/: credentials and keys, and the broker's access rules and listeners."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from secrets import token_hex
from typing import NoReturn

from doorbus.files import private_folder, put
from doorbus.runtime.settings import CommonSettings
from doorbus.site import acl
from doorbus.site.passwords import holds, new_password, password_file
from doorbus.site.secrets import Site, SiteError
from doorbus.site.signing import SigningKeys
from doorbus.site.users import User
from doorbus.wire.channels import Role
from doorbus.wire.keyfiles import SIGNERS
from doorbus.wire.topics import DEFAULT_TOPICS, Topics

REPOSITORY_CONFIG = Path("mosquitto")
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on an ordinary user's PATH in Debian
SITE_KEY = "site.key"
RECORDER_KEY = "recorder.key"
SIGNERS_FILE = "signers"
SECRETS = "secrets"
"""What `doorbus secrets` made; of it a local broker takes the users that it named."""


class LocalError(Exception):
    """This machine lacks something, or a process did not come up; the text says the way out."""


def prepare(var: Path, port: int, config: Path = REPOSITORY_CONFIG, topics: Topics = DEFAULT_TOPICS) -> Path:
    """Write what the broker needs under `var`; return the directory to start mosquitto in.

    The access rules are those of `topics`, and of the users that the site has named. Credentials that exist are kept,
    and nothing is written that is right already, so that a full or read-only disk keeps nobody from starting again.
    Raises `LocalError`.
    """
    try:
        return _prepare(var, port, config, topics)
    except OSError as error:
        raise LocalError(f"{error.filename or var}: {error.strerror}; is the disk full or read-only?") from None


def _prepare(var: Path, port: int, config: Path, topics: Topics) -> Path:
    credentials, home = var / "credentials", var / "broker"
    inside = home / "mosquitto"
    for folder in (credentials, *(inside / name for name in ("data", "listeners", "secrets"))):
        private_folder(folder)
    passwords = {role.value: _secret(credentials / role, new_password()) for role in Role}
    named = _named(Site(var / SECRETS, topics), passwords)
    for key in (SITE_KEY, RECORDER_KEY):
        _secret(credentials / key, token_hex(32))
    _signing_keys(credentials)

    link, wanted = inside / "config", config.resolve(strict=True)
    if not link.is_symlink() or link.readlink() != wanted:
        link.unlink(missing_ok=True)
        link.symlink_to(wanted)
    # Started as root, mosquitto would become the user `mosquitto`, who cannot read a var/ that only root may enter.
    user = "user root\n" if os.geteuid() == 0 else ""
    _keep(inside / "listeners" / "local.conf", f"listener {port} 127.0.0.1\n{user}")
    _keep(inside / "secrets" / "acl", acl.text(topics, named))
    hashes = inside / "secrets" / "passwords"
    if not hashes.exists() or not holds(hashes.read_text(), passwords):
        put(hashes, password_file(passwords))
    return home


def _named(site: Site, passwords: dict[str, str]) -> tuple[User, ...]:
    """The users that `doorbus secrets add` has named; their passwords come into `passwords`."""
    try:
        named = [user for user in site.named() if (site.directory / "users" / user.name).exists()]
    except SiteError as error:
        raise LocalError(str(error)) from None
    passwords |= {user.name: _secret(site.directory / "users" / user.name, "") for user in named}
    return tuple(named)


def _secret(path: Path, value: str) -> str:
    """What stands in `path`; `value`, written there, when there is no such file."""
    if not path.exists():
        put(path, value + "\n")
    secret = path.read_text().strip()
    if not secret:
        raise LocalError(f"{path}: empty, perhaps since a disk was full; remove it, and it is made anew")
    return secret


def _signing_keys(credentials: Path) -> None:
    keys = SigningKeys(credentials, credentials / SIGNERS_FILE)
    try:
        keys.forget_those_without_a_secret()
        for _ in keys.make():
            pass
    except ValueError as error:
        raise LocalError(
            f"{credentials / SIGNERS_FILE}, or a key of {' or '.join(SIGNERS)} beside it: {error}; remove what is "
            "wrong, and it is made anew"
        ) from None


def _keep(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        put(path, text)


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
