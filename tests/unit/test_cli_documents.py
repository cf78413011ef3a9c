"""The `doorbus` command as it is typed, where no broker is needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import Field, SecretStr
from typer.testing import CliRunner

from doorbus.cli import env
from doorbus.cli.app import app
from doorbus.runtime.settings import CommonSettings, Section
from doorbus.site import acl, acl_emqx
from doorbus.site.secrets import Site
from doorbus.site.users import named
from doorbus.wire.channels import Role
from doorbus.wire.topics import Topics


class Lamp(Section):
    """Settings of a lamp."""

    watts: int = Field(default=5, description="Power, in watts.")
    lit: bool = Field(default=True, description="Whether it burns.")
    key: SecretStr = Field(default=SecretStr("hunter2"), description="Secret.")
    places: tuple[str, ...] = Field(default=("hall", "stairs"), description="Where it stands.")


class LampSettings(CommonSettings):
    """Settings of the lamp's process."""

    lamp: Lamp = Lamp()


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Logging as it was."""
    yield
    structlog.reset_defaults()


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), terminal_width=200)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_help_names_every_command() -> None:
    status, text = _run("--help")

    assert status == 0
    for command in ("unlock", "lock", "enrol", "people", "update", "remove", "watch", "doctor", "acl", "asyncapi"):
        assert f" {command} " in text


def test_a_document_is_printed_as_it_is_committed() -> None:
    assert _run("acl") == (0, acl.text())
    assert _run("acl", "--root", "site/7") == (0, acl.text(Topics("site/7")))


def test_a_check_is_silent_when_all_is_well_and_shows_the_difference_when_not(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(acl.text())
    bad.write_text(acl.text() + "topic readwrite #\n")

    assert _run("acl", "--check", str(good)) == (0, "")
    status, text = _run("acl", "--check", str(bad))
    assert status == 1
    assert "-topic readwrite #" in text
    assert "bad: not what is generated" in text
    assert _run("acl", "--check", str(tmp_path / "missing"))[0] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("unlock", "Front"), "'Front': an id is a-z, 0-9"),
        (("unlock", "front", "--seconds", "0"), "--seconds"),
        (("unlock", "front", "--code", "1" * 17), "--code"),
        (("enrol", "alice", "nowhere.jpg"), "'nowhere.jpg': there is no such file"),
        (("enrol", "alice"), "give pictures, or --from-camera"),
        (("update", "alice"), "nothing to change"),
        (("update", "alice", "--valid-until", "tomorrow"), "'tomorrow': no date or time"),
        (("update", "alice", "--door", "Front"), "'Front': an id is"),
        (("update", "alice", "--new-door", "Front"), "'Front': an id is"),
        (("journal", "front", "--since", "tomorrow"), "'tomorrow': no date or time"),
        (("update", "alice", "--clear", "samples"), "'samples' cannot be cleared, only name or doors or"),
        (("update", "alice", "--clear", "enabled"), "or second_factor or group"),
        (("group", "set", "staff", "--clear", "nope"), "'nope' cannot be cleared, only name or doors or"),
        (("group", "set", "staff", "--clear", "group"), "'group' cannot be cleared"),
        (("schedule", "set", "office", "--clear", "hours"), "'hours' cannot be cleared, only name or holidays"),
        (("remove", "alice", "--as", "burglar"), "burglar"),
    ],
    ids=" ".join,
)
def test_a_command_that_is_not_understood_is_told_without_asking_anybody(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    status, text = _run(*arguments)

    assert status == 2
    assert told in " ".join(text.replace("│", " ").split())


def test_the_example_of_all_settings_has_meaning_and_default_but_no_secret() -> None:
    text = env.example([CommonSettings, LampSettings])

    assert "# Power, in watts.\n#DOORBUS_LAMP__WATTS=5\n" in text
    assert "#DOORBUS_LAMP__LIT=true\n" in text
    assert '#DOORBUS_LAMP__PLACES=["hall", "stairs"]\n' in text
    assert "#DOORBUS_LAMP__KEY=\n" in text
    assert "hunter2" not in text
    assert text.count("DOORBUS_BROKER__PORT=") == 1


def test_access_rules_come_in_the_form_of_either_broker_and_with_named_users(tmp_path: Path) -> None:
    Site(tmp_path / "secrets").make()
    Site(tmp_path / "secrets").add(named("actuator-front", Role.ACTUATOR, {"door": "front"}))
    secrets = ("--secrets", str(tmp_path / "secrets"))

    assert _run("acl", "--format", "emqx") == (0, acl_emqx.text())
    assert _run("acl", *secrets)[1].endswith((tmp_path / "secrets" / "broker" / "acl").read_text()[-500:])
    assert '{username, "actuator-front"}' in _run("acl", "--format", "emqx", *secrets)[1]


def test_secrets_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("[1]")

    status, output = _run("acl", "--secrets", str(tmp_path))

    assert status == 2
    assert "users.json" in output
