"""A site's secrets on disk: made once, kept, renewed in time, taken away."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorbus.certificates import about
from doorbus.channels import Role
from doorbus.site import RENEW, Site, SiteError, own_names
from doorbus.users import User

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    one = Site(tmp_path / "secrets")
    one.make(["hub.example"], now=NOW)
    return one


def _files(site: Site) -> dict[str, bytes]:
    paths = (path for path in site.directory.rglob("*") if path.is_file())
    return {str(path.relative_to(site.directory)): path.read_bytes() for path in paths}


def _again(site: Site) -> Site:
    return Site(site.directory)


def test_everything_a_site_needs_is_made(site: Site) -> None:
    files = set(_files(site))

    assert {f"users/{role}" for role in Role} <= files
    assert {"ca.crt", "site.key", "authority/ca.key"} <= files
    assert {f"broker/{name}" for name in ("passwords", "acl", "broker.crt", "broker.key", "ca.crt")} <= files
    assert about((site.directory / "broker" / "broker.crt").read_text()).names == {"hub.example", *own_names()}
    assert (site.directory / "broker" / "acl").read_text() == Path("mosquitto/acl").read_text()


def test_only_its_owner_gets_in_and_the_key_of_the_authority_is_closed_twice(site: Site) -> None:
    assert site.directory.stat().st_mode & 0o777 == 0o700
    assert (site.directory / "authority" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (site.directory / "users" / "viewer").stat().st_mode & 0o777 == 0o644


def test_making_it_again_changes_no_secret(site: Site) -> None:
    before = _files(site)

    again = _again(site)
    again.make(["hub.example"], now=NOW + timedelta(days=1))

    after = _files(site)
    assert again.news == []
    assert {name for name in before if before[name] != after[name]} == {"broker/passwords"}  # salted anew


@pytest.mark.parametrize(("left", "renewed"), [(RENEW - timedelta(days=1), True), (RENEW + timedelta(days=1), False)])
def test_a_certificate_that_ends_soon_is_renewed(site: Site, left: timedelta, *, renewed: bool) -> None:
    path = site.directory / "broker" / "broker.crt"
    before = about(path.read_text())

    _again(site).make(now=before.until - left)

    assert (about(path.read_text()).serial != before.serial) is renewed
    assert about(path.read_text()).names == before.names


def test_a_name_is_added_to_those_that_the_certificate_has(site: Site) -> None:
    _again(site).make(["192.0.2.7"], now=NOW)

    names = about((site.directory / "broker" / "broker.crt").read_text()).names
    assert {"hub.example", "192.0.2.7"} <= names


def test_other_programs_accept_the_certificates(site: Site) -> None:
    site.make(client_certificates=True)
    leaves = [site.directory / "broker" / "broker.crt", site.directory / "clients" / "viewer.crt"]

    for leaf, purpose in zip(leaves, ("sslserver", "sslclient"), strict=True):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(site.directory / "ca.crt")]
        done = subprocess.run([*command, str(leaf)], capture_output=True, check=False, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_named_user_comes_and_goes(site: Site) -> None:
    site.add(User("tablet", Role.VIEWER, {"door": "front"}))
    rules = (site.directory / "broker" / "acl").read_text()
    assert "user tablet\n" in rules
    assert _again(site).named() == (User("tablet", Role.VIEWER, {"door": "front"}),)
    with pytest.raises(SiteError, match="tablet: there is such a user"):
        site.add(User("tablet", Role.VIEWER, {}))

    site.revoke("tablet")

    assert "tablet" not in (site.directory / "broker" / "acl").read_text()
    assert "tablet" not in (site.directory / "broker" / "passwords").read_text()
    assert not (site.directory / "users" / "tablet").exists()
    with pytest.raises(SiteError, match="tablet: no named user"):
        site.revoke("tablet")


def test_a_rotated_user_has_another_password_and_the_others_keep_theirs(site: Site) -> None:
    before = _files(site)

    site.rotate("viewer")

    changed = {name for name, content in _files(site).items() if before.get(name) != content}
    assert changed == {"users/viewer", "broker/passwords"}
    with pytest.raises(SiteError, match="nobody: no such user"):
        site.rotate("nobody")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"authority/ca.key": None}, "authority/ca.key: not there; bring it back from where it is kept"),
        ({"authority/ca.key": "nonsense"}, "ca.key: not the PEM of a certificate and its key"),
        ({"ca.crt": None}, "ca.crt: not there"),
        ({"broker/broker.crt": "nonsense"}, "broker.crt: not the PEM of a certificate"),
        ({"users.json": "nonsense"}, "users.json: not the users that `doorbus secrets add` writes"),
        ({"users.json": json.dumps([{"name": "viewer", "role": "viewer", "ids": {}}])}, "the name of a role"),
    ],
)
def test_damage_is_named_and_nothing_is_made_over_it(site: Site, damage: dict[str, str | None], sentence: str) -> None:
    for name, content in damage.items():
        path = site.directory / name
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
    before = _files(site)

    with pytest.raises(SiteError, match=sentence):
        site.rotate("viewer") if "ca.crt" in damage else _again(site).make(now=NOW)

    assert set(_files(site)) <= set(before)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SiteError, match="file/secrets: Not a directory; may this user write there"):
        Site(tmp_path / "file" / "secrets").make(now=NOW)
