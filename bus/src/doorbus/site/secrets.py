"""The secrets of a site on disk: certificates, passwords, access rules and keys.

    DIR/ca.crt              the site's authority; every program that speaks to the broker gets it
    DIR/authority/ca.key    signs; may be kept elsewhere until a certificate is made, renewed or revoked
    DIR/broker/             what the broker needs: passwords (hashed), acl, broker.crt, broker.key, ca.crt, revoked.crl
    DIR/users/USER          the password of each user, one line
    DIR/users.json          the users that the site has named
    DIR/clients/USER.crt, USER.key      with client certificates only
    DIR/site.key            seals templates; for recognizers and the enroller
    DIR/recorder.key        seals recordings; for the recorder
    DIR/settings/USER/      settings of one service that nobody else may read, each a file named like it
    DIR/signing/ROLE.key    signs; for recognizers, and for the enroller
    DIR/signers             the public keys whose signatures count; for recognizers, the enroller and actuators

The directory is closed to other users of the machine, the files in it are not: a container runs as a user of its own,
and gets single files of it. `authority` is for the owner alone.
"""

import errno
import json
import re
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from doorbus.files import put
from doorbus.site import acl, site_key
from doorbus.site.certificates import (
    About,
    Authority,
    CertificateError,
    Pair,
    about,
    belong_together,
    name_of,
    new_authority,
    signed_by,
)
from doorbus.site.passwords import holds, new_password, password_file
from doorbus.site.signing import SigningKeys
from doorbus.site.users import User, UserError, everybody, named
from doorbus.wire.channels import OPTIONAL, SERVICES, Role
from doorbus.wire.keyfiles import SIGNERS
from doorbus.wire.topics import DEFAULT_TOPICS, Topics

RENEW = timedelta(days=30)
"""A certificate with less time left is made anew."""

_CLOSED, _OPEN = 0o700, 0o755


class SiteError(Exception):
    """The secrets cannot be made, read or changed; the text names the file and the way out."""


@dataclass(frozen=True)
class Expiry:
    """How long a certificate lasts."""

    name: str
    until: datetime


@dataclass
class Site:
    """The secrets in `directory`. Every method raises `SiteError`."""

    directory: Path
    topics: Topics = DEFAULT_TOPICS
    news: list[str] = field(default_factory=list)
    """What was made or changed, for people."""

    def make(
        self, names: Iterable[str] = (), *, client_certificates: bool = False, now: datetime | None = None
    ) -> None:
        """Make what is not there; renew certificates that end soon, and the broker's when it lacks one of `names`.

        What is right is not written again, and modes are set whatever the umask of whoever copied the directory.
        """
        now = now or datetime.now(UTC)
        with _naming_the_file(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            self._set_modes()
            if not self.exists:
                self._begin(now)
            users = everybody(self.named())
            self._server([*names, *own_names()], now)
            if client_certificates and not self._crl.exists():
                _write(self._crl, self._authority("certificates of clients", now).revocations((), now))
            self._key("site.key", "templates")
            self._key("recorder.key", "recordings")
            self._signing_keys()
            for user in users:
                self._user(user, now)
            self._tell_broker()

    def add(self, user: User, *, now: datetime | None = None) -> None:
        """Give a user a name and a password of their own."""
        with _naming_the_file(self.directory):
            acl.text(self.topics, (user,))  # raises before anything is written
            known = {one.name: one for one in self.named()}
            if user.name in known:
                raise SiteError(f"{user.name}: there is such a user; revoke it first, or choose another name")
            self._user(user, now or datetime.now(UTC))
            self._name((*known.values(), user))
            self._tell_broker()

    def revoke(self, name: str, *, now: datetime | None = None) -> None:
        """Take away a named user's password, rights and certificate."""
        with _naming_the_file(self.directory):
            left = [one for one in self.named() if one.name != name]
            if len(left) == len(self.named()):
                raise SiteError(
                    f"{name}: no named user; there are {', '.join(one.name for one in left) or 'none'}. The user of a "
                    f"role gets a new password with: doorbus secrets rotate {name}"
                )
            self._revoke_certificate(name, now or datetime.now(UTC))
            self._name(left)
            self._password(name).unlink(missing_ok=True)
            shutil.rmtree(self._settings(name), ignore_errors=True)
            self.news.append(f"{name} revoked")
            self._tell_broker()

    def rotate(self, name: str, *, now: datetime | None = None) -> None:
        """Give a user a new password, and a new certificate where there is one; the old ones end."""
        with _naming_the_file(self.directory):
            user = next((one for one in everybody(self.named()) if one.name == name), None)
            if user is None:
                raise SiteError(f"{name}: no such user")
            self._revoke_certificate(name, now or datetime.now(UTC))
            self._password(name).unlink(missing_ok=True)
            self._user(user, now or datetime.now(UTC))
            self._tell_broker()

    def set(self, name: str, setting: str, value: str) -> None:
        """Tell the service of a user one setting that nobody else may read; an empty `value` takes it back."""
        with _naming_the_file(self.directory):
            user = next((one for one in everybody(self.named()) if one.name == name), None)
            if user is None or user.role not in {*SERVICES, *OPTIONAL}:
                raise SiteError(f"{name}: no user of a service")
            if not re.fullmatch(r"DOORBUS_[A-Z0-9_]+", setting):
                raise SiteError(f"{setting}: not the name of a setting, such as DOORBUS_CAPTURE__PASSWORD")
            path = self._settings(name) / setting.lower()
            if value:
                _write(path, f"{value}\n")
                self.news.append(f"{setting} of {name} set")
            else:
                path.unlink(missing_ok=True)
                self.news.append(f"{setting} of {name} taken back")

    def replace_authority(self, *, now: datetime | None = None) -> None:
        """Begin anew with another authority, under which the broker and, where they have one, users get certificates.

        Passwords, the site key and the names of the broker stay. Whatever an interrupted call left is made good by the
        next one.
        """
        now = now or datetime.now(UTC)
        with _naming_the_file(self.directory):
            if not self.exists:
                raise SiteError(f"{self.directory}: no secrets here; doorbus secrets makes them")
            path = self._broker / "broker.crt"
            names = _about(path).names if path.exists() else ()
            revoking = self._crl.exists()
            pair = self._new_authority(now)
            self._revoked.unlink(missing_ok=True)
            if revoking:
                _write(self._crl, Authority(pair).revocations((), now))
            self.make(names, now=now)

    def rotate_key(self, role: Role, *, finish: bool = False) -> None:
        """Give a role a new key to sign with; the one before counts until this is asked to `finish`."""
        with _naming_the_file(self.directory), self._naming_the_key(role):
            if role not in SIGNERS:
                raise SiteError(f"{role}: signs nothing; there are keys of {' and '.join(SIGNERS)}")
            if not finish and role in self.signing.replaced():
                raise SiteError(
                    f"{role}: a former key still counts; doorbus secrets rotate-key {role} --finish ends that"
                )
            if finish:
                self.signing.finish(role)
            else:
                self.signing.replace(role)

    def rotate_site_key(self, *, finish: bool = False) -> None:
        """Put a new site key before the one that is there, or, to `finish`, take the former one out."""
        path = self.directory / "site.key"
        with _naming_the_file(self.directory):
            try:
                changed = site_key.finish(path) if finish else site_key.begin(path)
            except ValueError as error:
                raise SiteError(f"{path}: {error}; bring it back from a copy") from None
        if changed:
            self.news.append(
                "the former key that seals templates taken out" if finish else "a new key that seals templates"
            )

    @property
    def signing(self) -> SigningKeys:
        """The keys that sign."""
        return SigningKeys(self.directory / "signing", self.directory / "signers", _write)

    @property
    def exists(self) -> bool:
        """Whether there is a site in the directory."""
        with _naming_the_file(self.directory):
            return self._ca.exists()

    def named(self) -> tuple[User, ...]:
        """The users that the site has named."""
        path = self.directory / "users.json"
        if not path.exists():
            return ()
        try:
            entries = json.loads(path.read_text())
            return tuple(_read(entry) for entry in entries)
        except (OSError, ValueError, KeyError, TypeError, UserError) as error:
            raise SiteError(f"{path}: not the users that `doorbus secrets add` writes: {error}") from None

    def expiries(self) -> Iterator[Expiry]:
        """The certificates and how long they last."""
        for path in (self._ca, self._broker / "broker.crt", *sorted((self.directory / "clients").glob("*.crt"))):
            if path.exists():
                yield Expiry(str(path.relative_to(self.directory)), _about(path).until)

    # Files.

    @property
    def _ca(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def _broker(self) -> Path:
        return self.directory / "broker"

    @property
    def _crl(self) -> Path:
        return self._broker / "revoked.crl"

    @property
    def _revoked(self) -> Path:
        return self.directory / "authority" / "revoked.json"

    def _password(self, user: str) -> Path:
        return self.directory / "users" / user

    def _settings(self, user: str) -> Path:
        return self.directory / "settings" / user

    @property
    def _ca_key(self) -> Path:
        return self.directory / "authority" / "ca.key"

    def _begin(self, now: datetime) -> None:
        left = [path for path in (self._ca_key, self._broker / "ca.crt") if path.exists()]
        if left:
            raise SiteError(
                f"{self._ca}: not there, but {left[0]} is; bring it back ({self._broker / 'ca.crt'} is a copy), or to "
                f"begin anew remove authority, broker and clients from {self.directory}"
            )
        self._new_authority(now)

    def _new_authority(self, now: datetime) -> Pair:
        pair = new_authority(f"doorbus {socket.gethostname()}", now)
        _write(self._ca_key, pair.key, 0o600)
        self._ca_key.parent.chmod(0o700)
        _write(self._ca, pair.certificate)
        self.news.append("a new authority")
        return pair

    def _set_modes(self) -> None:
        """Close the directory, and open what is in it to the users of containers, `authority` excepted."""
        modes = {self.directory: _CLOSED}
        for path in self.directory.rglob("*"):
            closed = "authority" in path.relative_to(self.directory).parts
            modes[path] = (_CLOSED if closed else _OPEN) & (0o777 if path.is_dir() else 0o666)
        wrong = [path for path, mode in modes.items() if not path.is_symlink() and path.stat().st_mode & 0o777 != mode]
        for path in wrong:
            path.chmod(modes[path])
        if any(modes[path] & 0o044 for path in wrong):
            self.news.append("opened to the containers, which could not have read it")

    def _authority(self, purpose: str, now: datetime) -> Authority:
        """The authority, which only `purpose` needs: its key may be kept elsewhere."""
        if not self._ca_key.exists():
            raise SiteError(f"{self._ca_key}: not there, and needed for {purpose}; bring it back from where it is kept")
        until = _about(self._ca).until
        if until < now + timedelta(days=1):
            raise SiteError(
                f"{self._ca}: ended on {until:%Y-%m-%d}; make a new authority with: doorbus secrets new-authority"
            )
        try:
            return Authority(Pair(self._ca.read_text(), self._ca_key.read_text()))
        except CertificateError as error:
            raise SiteError(f"{self._ca} and {self._ca_key}: {error}") from None

    def _server(self, wanted: Iterable[str], now: datetime) -> None:
        path = self._broker / "broker.crt"
        try:
            names = list(dict.fromkeys(map(name_of, wanted)))
        except CertificateError as error:
            raise SiteError(str(error)) from None
        if path.exists():
            old = _about(path)
            names = sorted({*names, *old.names})
            if old.names >= set(names) and self._good(path, now):
                _write(self._broker / "ca.crt", self._ca.read_text())
                return
        pair = self._authority("a certificate of the broker", now).server(names, now)
        _write(self._broker / "broker.key", pair.key)
        _write(path, pair.certificate)
        _write(self._broker / "ca.crt", self._ca.read_text())
        self.news.append(f"a certificate of the broker, for {', '.join(names)}")

    def _good(self, path: Path, now: datetime) -> bool:
        """Whether a certificate of this site and its key are there, and last."""
        key = path.with_suffix(".key")
        if not path.exists() or not key.exists():
            return False
        pair = Pair(path.read_text(), key.read_text())
        lasts = _about(path).until - now > RENEW
        return lasts and belong_together(pair) and signed_by(pair.certificate, self._ca.read_text())

    def _key(self, name: str, what: str) -> None:
        path = self.directory / name
        if not path.exists():
            _write(path, secrets.token_hex(32) + "\n")
            self.news.append(f"a key that seals {what}")

    def _signing_keys(self) -> None:
        with self._naming_the_key():
            self.news.extend(f"a key of {role} that signs" for role in self.signing.make())

    @contextmanager
    def _naming_the_key(self, role: Role | None = None) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            where = self.directory / "signers" if role is None else self.signing.path(role)
            raise SiteError(f"{where}, or a key beside it: {error}; bring it back from a copy") from None

    def _user(self, user: User, now: datetime) -> None:
        certificate = self.directory / "clients" / f"{user.name}.crt"
        if self._crl.exists() and not self._good(certificate, now):
            pair = self._authority(f"a certificate of {user.name}", now).client(user.name, now)
            _write(certificate.with_suffix(".key"), pair.key)
            _write(certificate, pair.certificate)
            self.news.append(f"a certificate of {user.name}")
        if user.role in {*SERVICES, *OPTIONAL}:
            _make_folder(self._settings(user.name))
        password = self._password(user.name)
        if not password.exists():
            _write(password, new_password() + "\n")
            self.news.append(f"a password of {user.name}")

    def _revoke_certificate(self, name: str, now: datetime) -> None:
        certificate = self.directory / "clients" / f"{name}.crt"
        if not certificate.exists():
            return
        authority = self._authority(f"taking the certificate of {name} away", now)
        known = json.loads(self._revoked.read_text()) if self._revoked.exists() else ()
        serials = list(dict.fromkeys([*known, _about(certificate).serial]))
        _write(self._revoked, json.dumps(serials), 0o600)
        _write(self._crl, authority.revocations(serials, now))
        certificate.unlink()
        certificate.with_suffix(".key").unlink(missing_ok=True)

    def _name(self, users: Iterable[User]) -> None:
        entries = [{**asdict(user), "ids": dict(user.ids)} for user in users]
        _write(self.directory / "users.json", json.dumps(entries, indent=2) + "\n")

    def _tell_broker(self) -> None:
        names = [user.name for user in everybody(self.named())]
        passwords = {name: self._password(name).read_text().strip() for name in names}
        path = self._broker / "passwords"
        if not path.exists() or not holds(path.read_text(), passwords):  # else salts alone would change
            _write(path, password_file(passwords))
        _write(self._broker / "acl", acl.text(self.topics, self.named()))


def _read(entry: dict[str, Any]) -> User:
    role = None if entry["role"] is None else Role(entry["role"])
    return named(entry["name"], role, entry["ids"], entry.get("topics", ()))


def own_names() -> tuple[str, ...]:
    """What the broker of this machine is called, here, on its network and among containers."""
    host = socket.gethostname().split(".")[0].lower()
    return ("localhost", "broker", host, f"{host}.local", "127.0.0.1")


def _about(path: Path) -> About:
    try:
        return about(path.read_text())
    except CertificateError as error:
        raise SiteError(f"{path}: {error}") from None


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file that appears whole or not at all, unless it is there: who uses it is started anew for a change."""
    _make_folder(path.parent)
    if not path.exists() or path.read_text() != text:
        put(path, text, mode)


def _make_folder(path: Path) -> None:
    for one in reversed([path, *path.parents]):
        if not one.exists():
            one.mkdir()
            one.chmod(_OPEN)  # whatever the umask: the broker is another user


@contextmanager
def _naming_the_file(directory: Path) -> Iterator[None]:
    """Turn an error of the file system into a `SiteError` that names the file."""
    try:
        yield
    except OSError as error:
        way_out = "chown -R it to this user" if error.errno == errno.EPERM else "may this user write there?"
        raise SiteError(f"{error.filename or directory}: {error.strerror}; {way_out}") from None
