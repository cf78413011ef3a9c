"""`doorbus secrets` as somebody at a terminal meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from doorbus.cli.app import app


def _say(folder: Path, *words: str, line: str = "") -> Result:
    return CliRunner().invoke(app, ["secrets", "--into", str(folder), *words], input=line)


def test_it_tells_what_it_made_and_how_long_that_lasts(tmp_path: Path) -> None:
    first, second = _say(tmp_path / "s", "--name", "hub.local"), _say(tmp_path / "s")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "a new authority" in first.output
    assert "hub.local" in first.output
    assert "a password" not in second.output
    assert "broker/broker.crt: valid until" in second.output


def test_no_secret_is_printed(tmp_path: Path) -> None:
    said = _say(tmp_path / "s").output + _say(tmp_path / "s", "rotate", "viewer").output

    for path in (tmp_path / "s" / "users").iterdir():
        assert path.read_text().strip() not in said


def test_a_key_that_signs_is_changed_in_two_steps_that_say_what_to_do_next(tmp_path: Path) -> None:
    begun = _say(tmp_path / "s", "rotate-key", "recognizer")
    again = _say(tmp_path / "s", "rotate-key", "recognizer")
    shown = _say(tmp_path / "s", "show")
    finished = _say(tmp_path / "s", "rotate-key", "recognizer", "--finish")

    assert (begun.exit_code, again.exit_code, finished.exit_code) == (0, 1, 0)
    assert "signers to every actuator" in begun.output
    assert "signing/recognizer.key to each recognizer" in begun.output
    assert "a former key of recognizer still counts" in shown.output
    assert "a former key" not in _say(tmp_path / "s", "show").output
    secret = (tmp_path / "s/signing/recognizer.key").read_text().strip()
    assert secret not in begun.output + finished.output


def test_a_user_is_added_and_revoked(tmp_path: Path) -> None:
    added = _say(tmp_path / "s", "add", "porch-camera", "--role", "capture", "--door", "front", "--camera", "porch")
    assert added.exit_code == 0
    assert "DOORBUS_BROKER__USERNAME=porch-camera" in added.output
    assert "porch-camera: capture of door front, camera porch" in _say(tmp_path / "s", "show").output
    assert "door/front/frame/porch" in (tmp_path / "s" / "broker" / "acl").read_text()

    assert _say(tmp_path / "s", "revoke", "porch-camera").exit_code == 0
    assert not (tmp_path / "s" / "users" / "porch-camera").exists()


def test_a_service_of_its_own_speaks_for_itself_alone_unless_replicas_share_it(tmp_path: Path) -> None:
    rules = tmp_path / "s" / "broker" / "acl"
    _say(tmp_path / "s", "add", "actuator-back", "--role", "actuator", "--door", "back")
    named = _say(tmp_path / "s", "add", "porch", "--role", "capture", "--instance", "one").output
    _say(tmp_path / "s", "add", "site-b", "--role", "recognizer", "--any-instance")

    def speaks(user: str) -> list[str]:
        section = rules.read_text().partition(f"user {user}\n")[2].partition("\n\n")[0]
        return [one for one in section.splitlines() if "write" in one and "/health/" in one]

    assert speaks("actuator-back") == ["topic write doorbus/v1/health/actuator/actuator-back"]
    assert speaks("porch") == ["topic write doorbus/v1/health/capture/one"]
    assert "DOORBUS_INSTANCE=one" in named
    assert speaks("site-b") == ["topic write doorbus/v1/health/recognizer/+"]


def test_another_authority_is_one_command(tmp_path: Path) -> None:
    assert _say(tmp_path / "s", "new-authority").exit_code == 1
    _say(tmp_path / "s")
    before = (tmp_path / "s" / "ca.crt").read_text()

    said = _say(tmp_path / "s", "new-authority")

    assert (said.exit_code, (tmp_path / "s" / "ca.crt").read_text() == before) == (0, False)
    assert "every program elsewhere needs the new" in said.output


def test_in_a_container_the_words_are_those_of_the_machine_around_it(tmp_path: Path) -> None:
    words = ("--shown-as", "var/secrets")
    said = [
        _say(tmp_path / "s", *words, *command).output
        for command in (("show",), (), ("add", "alice", "--role", "operator"), ("revoke", "bob"))
    ]

    assert "var/secrets/users/alice is the password" in said[2]
    assert "scripts/secrets rotate bob" in said[3]
    assert not [one for one in said if str(tmp_path) in one or "doorbus secrets" in one or "systemctl" in one]


def test_showing_changes_nothing(tmp_path: Path) -> None:
    nothing = _say(tmp_path / "s", "show")
    assert (nothing.exit_code, "no secrets here; doorbus secrets makes them" in nothing.output) == (1, True)
    assert not (tmp_path / "s").exists()
    _say(tmp_path / "s")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    shown = _say(tmp_path / "s", "show").output

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert "ca.crt: valid until" in shown


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words, sentence in (
        (("revoke", "nobody"), "nobody: no named user"),
        (("add", "viewer", "--role", "viewer"), "viewer: this is the name of a role"),
        (("add", "one", "--role", "capture", "--camera", "A B"), "camera 'A B' is no id"),
    ):
        said = _say(tmp_path / "s", *words)
        assert (said.exit_code, sentence in said.output) == (1, True)
    said = _say(tmp_path / "s", "--name", "two words")
    assert (said.exit_code, "'two words': neither a host name nor an address" in said.output) == (1, True)
    said = _say(tmp_path / "file" / "s")
    assert (said.exit_code, "may this user write there" in said.output) == (1, True)


@pytest.mark.parametrize(
    ("service", "setting"),
    [("capture", "DOORBUS_CAPTURE__PASSWORD"), ("console", "DOORBUS_CONSOLE__OIDC__CLIENT_SECRET")],
)
def test_a_setting_of_one_service_is_set_from_standard_input_and_taken_back(
    tmp_path: Path, service: str, setting: str
) -> None:
    path = tmp_path / "s/settings" / service / setting.lower()
    words = ("set", service, setting)

    told = _say(tmp_path / "s", *words, line="p@ss word\n")
    kept = path.read_text()
    _say(tmp_path / "s", *words, line="\n")
    stranger = _say(tmp_path / "s", "set", "viewer", "DOORBUS_CAPTURE__PASSWORD", line="x\n")
    nonsense = _say(tmp_path / "s", "set", "capture", "../x", line="x\n")

    assert (told.exit_code, kept) == (0, "p@ss word\n")
    assert "p@ss word" not in told.output
    assert not path.exists()
    assert (stranger.exit_code, nonsense.exit_code) == (1, 1)
    assert "viewer: no user of a service" in stranger.output
