"""A site's secrets on disk: made once, kept, renewed in time, taken away."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorbus.site.certificates import Pair, about, belong_together
from doorbus.site.secrets import RENEW, Site, SiteError, own_names
from doorbus.site.users import User
from doorbus.wire.channels import OPTIONAL, SERVICES, Role
from doorbus.wire.ed25519 import SecretKey
from doorbus.wire.keyfiles import SIGNERS, read_key, read_public_keys

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


def test_an_older_site_gets_keys_that_sign_and_keeps_all_it_has(site: Site) -> None:
    for path in (site.signing.public, *map(site.signing.path, SIGNERS)):
        path.unlink()
    before = _files(site)

    _again(site).make(now=NOW)

    after = _files(site)
    assert set(after) - set(before) == {"signers", "signing/recognizer.key", "signing/enroller.key"}
    assert {name for name in before if before[name] != after[name]} <= {"broker/passwords"}


def test_a_new_key_and_the_one_before_count_until_the_change_is_finished(site: Site) -> None:
    def public() -> list[bytes]:
        return list(read_public_keys(site.signing.public)[Role.RECOGNIZER])

    def own() -> bytes:
        return SecretKey(read_key(site.signing.path(Role.RECOGNIZER))).public

    (first,) = public()
    site.rotate_key(Role.RECOGNIZER)
    assert public() == [own(), first]
    assert list(site.signing.replaced()) == [Role.RECOGNIZER]
    with pytest.raises(SiteError, match="a former key still counts; doorbus secrets rotate-key recognizer --finish"):
        site.rotate_key(Role.RECOGNIZER)

    _again(site).make(now=NOW)
    assert public() == [own(), first]
    site.rotate_key(Role.RECOGNIZER, finish=True)
    assert public() == [own()] != [first]
    with pytest.raises(SiteError, match="viewer: signs nothing"):
        site.rotate_key(Role.VIEWER)


def test_a_secret_key_that_is_kept_elsewhere_is_not_made_anew(site: Site) -> None:
    site.signing.path(Role.RECOGNIZER).unlink()
    before = _files(site)

    _again(site).make(now=NOW)

    assert _files(site).keys() == before.keys()
    assert _files(site)["signers"] == before["signers"]


def test_public_keys_that_cannot_be_read_are_named(site: Site) -> None:
    site.signing.public.write_text("nonsense\n")

    with pytest.raises(SiteError, match=r"signers, or a key beside it: line 1 is not a role"):
        _again(site).make(now=NOW)


def test_only_its_owner_gets_in_and_the_key_of_the_authority_is_closed_twice(site: Site) -> None:
    assert site.directory.stat().st_mode & 0o777 == 0o700
    assert (site.directory / "authority" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (site.directory / "users" / "viewer").stat().st_mode & 0o777 == 0o644


def test_making_it_again_changes_no_secret(site: Site) -> None:
    before = _files(site)

    again = _again(site)
    again.make(["hub.example"], now=NOW + timedelta(days=1))

    assert again.news == []
    assert _files(site) == before


def test_what_is_right_is_not_written_again_and_nobody_who_uses_it_need_be_started_anew(site: Site) -> None:
    def written() -> dict[Path, int]:
        return {path: path.stat().st_ctime_ns for path in site.directory.rglob("*")}

    before = written()

    _again(site).make(now=NOW)

    assert written() == before


def test_a_copy_that_was_made_under_a_strict_umask_is_opened_to_the_containers(site: Site) -> None:
    for path in (site.directory, *site.directory.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)

    again = _again(site)
    again.make(now=NOW)

    modes = {str(path.relative_to(site.directory)): path.stat().st_mode & 0o777 for path in site.directory.rglob("*")}
    assert {name for name, mode in modes.items() if not mode & 0o004} == {"authority", "authority/ca.key"}
    assert site.directory.stat().st_mode & 0o777 == 0o700
    assert again.news == ["opened to the containers, which could not have read it"]


def test_a_copy_that_anybody_could_read_is_closed(site: Site) -> None:
    for path in (site.directory, site.directory / "authority", site.directory / "authority" / "ca.key"):
        path.chmod(0o755)

    _again(site).make(now=NOW)

    test_only_its_owner_gets_in_and_the_key_of_the_authority_is_closed_twice(site)


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
        ({"authority/ca.key": "nonsense"}, "ca.key: not the PEM of a certificate and its key"),
        ({"ca.crt": None}, "ca.crt: not there, but .*authority/ca.key is; bring it back"),
        ({"ca.crt": None, "authority/ca.key": None}, "ca.crt: not there, but .*broker/ca.crt is"),
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
        _again(site).make(["another.example"], now=NOW)

    assert _files(site) == before


def test_the_key_of_the_authority_may_be_kept_elsewhere_until_it_signs(site: Site) -> None:
    (site.directory / "authority" / "ca.key").unlink()

    site.make(now=NOW)
    site.add(User("tablet", Role.VIEWER, {}))
    site.rotate("tablet")
    site.revoke("tablet")

    with pytest.raises(SiteError, match=r"ca\.key: not there, and needed for a certificate of the broker"):
        site.make(["another.example"], now=NOW)
    with pytest.raises(SiteError, match=r"ca\.key: not there, and needed for certificates of clients"):
        site.make(client_certificates=True, now=NOW)


def test_a_user_whose_certificate_cannot_be_made_is_not_added(site: Site) -> None:
    site.make(client_certificates=True, now=NOW)
    (site.directory / "authority" / "ca.key").unlink()
    before = _files(site)

    with pytest.raises(SiteError, match="needed for a certificate of tablet"):
        site.add(User("tablet", Role.VIEWER, {}), now=NOW)
    with pytest.raises(SiteError, match="needed for taking the certificate of operator away"):
        site.rotate("operator", now=NOW)

    assert _files(site) == before


def test_a_site_that_begins_anew_keeps_nothing_that_the_old_authority_signed(site: Site) -> None:
    site.make(client_certificates=True, now=NOW)
    before = _files(site)
    for name in ("ca.crt", "authority", "broker"):  # the clients' certificates are forgotten
        path = site.directory / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    _again(site).make(client_certificates=True, now=NOW)

    kept = {name for name, content in _files(site).items() if before.get(name) == content}
    keys = {"site.key", "recorder.key", "signing/recognizer.key", "signing/enroller.key"}
    assert {name for name in kept if name.endswith((".crt", ".key", ".crl"))} == keys
    assert "users/viewer" in kept


@pytest.mark.parametrize("clients", [False, True])
def test_another_authority_takes_the_place_of_the_old_one_in_one_step(site: Site, *, clients: bool) -> None:
    site.make(client_certificates=clients, now=NOW)
    site.add(User("tablet", Role.VIEWER, {}), now=NOW)
    site.revoke("tablet", now=NOW)
    before = _files(site)

    _again(site).replace_authority(now=NOW)

    after = _files(site)
    assert about(after["broker/broker.crt"].decode()).names == about(before["broker/broker.crt"].decode()).names
    kept = {name for name, content in after.items() if before.get(name) == content}
    keys = {"site.key", "recorder.key", "signing/recognizer.key", "signing/enroller.key"}
    assert {name for name in kept if name.endswith((".crt", ".key", ".crl"))} == keys
    assert "users/viewer" in kept
    assert ("clients/viewer.crt" in after) is clients
    again = _again(site)
    again.make(now=NOW)
    assert again.news == []


def test_another_authority_helps_where_the_old_one_has_ended_or_its_key_is_lost(site: Site) -> None:
    until = about((site.directory / "ca.crt").read_text()).until
    (site.directory / "authority" / "ca.key").unlink()

    _again(site).replace_authority(now=until)

    assert about((site.directory / "broker" / "broker.crt").read_text()).until > until


def test_a_service_has_a_place_for_settings_that_nobody_else_may_read(site: Site) -> None:
    settings = site.directory / "settings"
    assert {path.name for path in settings.iterdir()} == {role.value for role in (*SERVICES, *OPTIONAL)}

    site.add(User("capture-yard", Role.CAPTURE, {}), now=NOW)
    site.add(User("tablet", Role.VIEWER, {}), now=NOW)
    (settings / "capture-yard" / "doorbus_capture__source").write_text("rtsp://camera")
    assert {path.name for path in settings.iterdir()} == {
        "capture-yard",
        *(role.value for role in (*SERVICES, *OPTIONAL)),
    }

    site.revoke("capture-yard", now=NOW)
    assert not (settings / "capture-yard").exists()


@pytest.mark.parametrize("lost", ["broker/broker.key", "clients/viewer.key"])
@pytest.mark.parametrize("instead", [None, "nonsense"])
def test_a_certificate_without_its_key_is_made_anew(site: Site, lost: str, instead: str | None) -> None:
    site.make(client_certificates=True, now=NOW)
    certificate = (site.directory / lost).with_suffix(".crt")
    before = certificate.read_text()
    (site.directory / lost).unlink()
    if instead is not None:
        (site.directory / lost).write_text(instead)

    _again(site).make(now=NOW)

    assert certificate.read_text() != before
    assert belong_together(Pair(certificate.read_text(), (site.directory / lost).read_text()))


def test_an_authority_that_has_ended_signs_nothing(site: Site) -> None:
    until = about((site.directory / "ca.crt").read_text()).until

    with pytest.raises(SiteError, match=f"ca.crt: ended on {until:%Y-%m-%d}; make a new authority"):
        _again(site).make(now=until)


@pytest.mark.parametrize("name", ["two words", "", "-x", "a..b", "türe.example", "a" * 64 + "." + "b" * 200])
def test_what_is_no_name_is_refused(site: Site, name: str) -> None:
    with pytest.raises(SiteError, match="neither a host name nor an address"):
        _again(site).make([name], now=NOW)


def test_a_name_is_the_same_however_it_is_written(site: Site) -> None:
    again = _again(site)
    again.make(["Hub.Example", "FE80:0::1"], now=NOW)
    assert len(again.news) == 1

    once_more = _again(site)
    once_more.make(["hub.example", "fe80::1", "HUB.EXAMPLE"], now=NOW)

    assert once_more.news == []


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SiteError, match="file/secrets: Not a directory; may this user write there"):
        Site(tmp_path / "file" / "secrets").make(now=NOW)
