"""What a site's certificates say, and who accepts them."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorbus.site.certificates import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    Authority,
    CertificateError,
    Pair,
    about,
    belong_together,
    name_of,
    new_authority,
    signed_by,
)

NOW = datetime.now(UTC).replace(microsecond=0)
SITE = new_authority("doorbus hub", NOW)
OTHER = new_authority("doorbus hub", NOW)


def _verify(folder: Path, leaf: str, authority: str, *options: str) -> str:
    """What openssl says to a certificate; empty when it accepts it."""
    (folder / "ca.crt").write_text(authority)
    (folder / "leaf.crt").write_text(leaf)
    command = ["openssl", "verify", "-x509_strict", *options, "-CAfile", "ca.crt", "leaf.crt"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True).stderr


def test_a_certificate_is_for_its_purpose_and_its_names_only(tmp_path: Path) -> None:
    server = Authority(SITE).server(["hub.example", "192.0.2.7"], NOW).certificate
    client = Authority(SITE).client("viewer", NOW).certificate

    assert _verify(tmp_path, server, SITE.certificate, "-purpose", "sslserver") == ""
    assert _verify(tmp_path, server, SITE.certificate, "-verify_hostname", "hub.example") == ""
    assert _verify(tmp_path, server, SITE.certificate, "-verify_ip", "192.0.2.7") == ""
    assert _verify(tmp_path, client, SITE.certificate, "-purpose", "sslclient") == ""
    assert "hostname mismatch" in _verify(tmp_path, server, SITE.certificate, "-verify_hostname", "other.example")
    assert "certificate purpose" in _verify(tmp_path, server, SITE.certificate, "-purpose", "sslclient")
    assert "certificate purpose" in _verify(tmp_path, client, SITE.certificate, "-purpose", "sslserver")


def test_another_authority_of_the_same_name_is_another_authority(tmp_path: Path) -> None:
    leaf = Authority(SITE).server(["hub.example"], NOW).certificate

    assert signed_by(leaf, SITE.certificate)
    assert not signed_by(leaf, OTHER.certificate)
    assert _verify(tmp_path, leaf, OTHER.certificate) != ""


def test_a_leaf_signs_nothing(tmp_path: Path) -> None:
    leaf = Authority(SITE).client("viewer", NOW)
    forged = Authority(leaf).server(["hub.example"], NOW).certificate
    chain = leaf.certificate + SITE.certificate

    assert "invalid CA certificate" in _verify(tmp_path, forged, chain)


def test_only_what_is_on_the_list_is_revoked(tmp_path: Path) -> None:
    authority = Authority(SITE)
    revoked, kept = (authority.client(user, NOW).certificate for user in ("tablet", "viewer"))
    (tmp_path / "revoked.crl").write_text(authority.revocations([about(revoked).serial], NOW))
    options = ("-crl_check", "-CRLfile", "revoked.crl")

    assert "certificate revoked" in _verify(tmp_path, revoked, SITE.certificate, *options)
    assert _verify(tmp_path, kept, SITE.certificate, *options) == ""


def test_the_list_of_revoked_certificates_lasts_as_long_as_the_authority(tmp_path: Path) -> None:
    authority = Authority(SITE)
    leaf = authority.client("viewer", NOW + timedelta(days=AUTHORITY_DAYS - 30)).certificate
    (tmp_path / "revoked.crl").write_text(authority.revocations((), NOW))
    late = str(int((NOW + timedelta(days=AUTHORITY_DAYS - 10)).timestamp()))

    assert _verify(tmp_path, leaf, SITE.certificate, "-crl_check", "-CRLfile", "revoked.crl", "-attime", late) == ""


def test_no_certificate_outlives_its_authority() -> None:
    early = about(Authority(SITE).client("viewer", NOW).certificate).until
    late = about(Authority(SITE).client("viewer", NOW + timedelta(days=AUTHORITY_DAYS - 10)).certificate).until

    assert early == NOW + timedelta(days=LEAF_DAYS)
    assert late == about(SITE.certificate).until


def test_a_certificate_is_valid_for_a_machine_whose_clock_is_an_hour_behind(tmp_path: Path) -> None:
    leaf = Authority(SITE).server(["hub.example"], NOW).certificate
    behind = str(int((NOW - timedelta(hours=1)).timestamp()))

    assert _verify(tmp_path, leaf, SITE.certificate, "-attime", behind) == ""


@pytest.mark.parametrize(
    "pair",
    [
        Pair("nonsense", SITE.key),
        Pair(SITE.certificate, "nonsense"),
        Pair(SITE.certificate, ""),
        Pair(SITE.certificate, OTHER.key),
    ],
)
def test_what_is_no_certificate_and_its_key_signs_nothing(pair: Pair) -> None:
    assert not belong_together(pair)
    with pytest.raises(CertificateError):
        Authority(pair)


@pytest.mark.parametrize(
    ("written", "name"),
    [("Hub.Local", "hub.local"), ("FE80:0::1", "fe80::1"), ("192.0.2.7", "192.0.2.7"), ("*.example", "*.example")],
)
def test_a_name_has_one_way_to_be_written(written: str, name: str) -> None:
    assert name_of(written) == name
    assert about(Authority(SITE).server([written], NOW).certificate).names == {name}
