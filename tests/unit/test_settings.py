"""Settings: from the environment, files and the command line; a wrong one ends the process with one sentence."""

import re
import ssl
from pathlib import Path

import pytest
import structlog
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import CommonSettings, Section, ServiceSettings, load
from doorbus.runtime.strays import strays


class Lamp(Section):
    """Settings of a lamp."""

    watts: int = Field(default=5, ge=1, le=100, description="Power, in watts.")
    totp_secret: SecretStr | None = Field(default=None, description="Secret.")


class LampSettings(ServiceSettings):
    """Settings of the lamp's process."""

    lamp: Lamp = Lamp()


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A directory without .env, and logging as it was."""
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


def _complaint(capsys: pytest.CaptureFixture[str], arguments: list[str] | None = None) -> str:
    with pytest.raises(SetupError) as end:
        load(LampSettings, arguments or [])
    assert capsys.readouterr() == ("", "")
    return f"{end.value}\n"


def test_a_process_with_a_user_of_its_own_is_called_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBUS_BROKER__USERNAME", "lamp-porch")
    assert load(LampSettings, []).instance == "lamp-porch"

    monkeypatch.setenv("DOORBUS_BROKER__USERNAME", "capture")  # whoever plays this role, on any machine
    assert load(LampSettings, []).instance != "capture"


def test_everything_has_a_default() -> None:
    settings = load(LampSettings, [])

    assert (settings.root, settings.broker.port, settings.lamp.watts) == ("doorbus/v1", 1883, 5)


def test_the_environment_the_file_and_the_command_line_say_the_same_and_the_latter_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DOORBUS_LAMP__WATTS=10\nDOORBUS_BROKER__PORT=1001\nDOORBUS_BROKER__HOST=file\n")
    monkeypatch.setenv("DOORBUS_LAMP__WATTS", "20")
    monkeypatch.setenv("DOORBUS_BROKER__PORT", "1002")

    settings = load(LampSettings, ["--lamp.watts", "30"])

    assert (settings.lamp.watts, settings.broker.port, settings.broker.host) == (30, 1002, "file")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DOORBUS_LAMP__WATTS", "0", "DOORBUS_LAMP__WATTS=0: Input should be greater than or equal to 1"),
        ("DOORBUS_LAMP__WATTS", "many", "DOORBUS_LAMP__WATTS=many: Input should be a valid integer"),
        ("DOORBUS_BROKER__PORT", "65536", "DOORBUS_BROKER__PORT=65536: Input should be less than or equal to 65535"),
        (
            "DOORBUS_LOG__LEVEL",
            "loud",
            "DOORBUS_LOG__LEVEL=loud: Input should be 'debug', 'info', 'warning' or 'error'",
        ),
        ("DOORBUS_ROOT", "a/+/b", "DOORBUS_ROOT=a/+/b: String should match pattern"),
        ("DOORBUS_INSTANCE", "Front Door", "DOORBUS_INSTANCE=Front Door: an id is a-z, 0-9, _ and -"),
        (
            "DOORBUS_LAMP__WATTS",
            "",
            "DOORBUS_LAMP__WATTS is empty: give it a value, or take it out to have its default",
        ),
        ("DOORBUS_LOG__LEVEL", "", "DOORBUS_LOG__LEVEL is empty: give it a value"),
        ("DOORBUS_HEALTH_SECONDS", "", "DOORBUS_HEALTH_SECONDS is empty: give it a value"),
        ("DOORBUS_LAMP__WATS", "5", "DOORBUS_LAMP__WATS: there is no such setting; --help lists them"),
    ],
)
def test_a_wrong_value_ends_the_process_with_a_sentence_that_names_it(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)

    complaint = _complaint(capsys)

    assert complaint.startswith(sentence)
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    [
        *(
            "SITE_KEY_FILE",
            "SIGNERS_FILE",
            "STATUS_FILE",
            "BROKER__TLS_CA",
            "BROKER__USERNAME",
            "BROKER__PASSWORD_FILE",
        ),
        "LAMP__TOTP_SECRET",
    ],
)
def test_a_setting_without_a_default_may_stand_there_empty(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(LampSettings, [])
    monkeypatch.setenv(f"DOORBUS_{name}", "")

    assert load(LampSettings, []) == before


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("DOORBUS_CAPTUR__SOURCE", "is DOORBUS_CAPTURE__SOURCE meant?"),
        ("DOORBUS_ACTAUTOR__THRESHOLD", "is DOORBUS_ACTUATOR__THRESHOLD meant?"),
        ("DOORBUS_ACTUATOR_THRESHOLD", "is DOORBUS_ACTUATOR__THRESHOLD meant?"),
        ("DOORBUS_INSTANCES", "is DOORBUS_INSTANCE meant?"),
        ("doorbus_brokr__host", "is DOORBUS_BROKER__HOST meant?"),
        ("DOORBUS_XYZ__Q", ".env.example has all names"),
    ],
)
def test_a_name_that_nothing_reads_is_told_wherever_it_stands(
    name: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (name.upper(), f"nothing of doorbus reads it; {advice}")
    assert told not in strays(LampSettings)
    monkeypatch.setenv(name, "x")
    assert told in strays(LampSettings)
    monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"{name}=x\n")
    assert told in strays(LampSettings)


def test_a_name_that_something_reads_is_no_stray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOORBUS_LAMP__WATTS", "DOORBUS_CAPTURE__SOURCE", "DOORBUS_RECORDER__KEEP", "DOORBUS_SECRETS"):
        monkeypatch.setenv(name, "5")
    monkeypatch.setenv("DOORBUS_BROKER_SERVICE_HOST", "10.0.0.1")  # Kubernetes says so of each of its services
    monkeypatch.setenv("DOORBUS_BROKER_PORT_8883_TCP_ADDR", "10.0.0.1")

    assert list(strays(LampSettings)) == []


def test_each_wrong_value_has_its_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DOORBUS_LAMP__WATTS", "0")
    monkeypatch.setenv("DOORBUS_BROKER__PORT", "x")

    assert len(_complaint(capsys).splitlines()) == 2


def test_what_cannot_be_parsed_at_all_ends_the_process_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBUS_LAMP", "{not json")

    assert "lamp" in _complaint(capsys)


@pytest.mark.parametrize(
    "name",
    ["DOORBUS_BROKER__PASSWORD", "DOORBUS_BROKER__PASSWORT", "DOORBUS_BROKER__PASWORD", "DOORBUS_LAMP__TOTP_SECERT"],
)
def test_a_secret_is_never_printed_also_when_its_name_is_mistyped(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBUS_LAMP__WATTS", "0")
    monkeypatch.setenv(name, "hunter2")

    assert "hunter2" not in _complaint(capsys)


def test_an_address_with_a_password_is_never_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBUS_LAMP__WATTS", "rtsp://me:hunter2@camera/")

    assert "hunter2" not in _complaint(capsys)


def test_a_secret_is_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBUS_BROKER__PASSWORD", "hunter2")

    settings = load(LampSettings, [])

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    assert settings.password("lamp") == "hunter2"


def test_a_setting_of_another_service_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBUS_CAPTURE__SOURCE", "sample")

    assert load(LampSettings, []).lamp.watts == 5


def test_the_password_is_read_from_the_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "lamp").write_text("hunter2\n")
    settings = CommonSettings(_env_file=None, var=tmp_path)

    assert settings.password("lamp") == "hunter2"
    assert settings.password("nobody") is None


def test_a_password_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBUS_BROKER__PASSWORD_FILE", str(tmp_path / "nothing"))

    sentence = f"DOORBUS_BROKER__PASSWORD_FILE={tmp_path}/nothing: No such file or directory"
    with pytest.raises(SetupError, match=f"^{re.escape(sentence)}"):
        load(LampSettings, []).password("lamp")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("tls_ca", None, "DOORBUS_BROKER__TLS_CA={}: No such file or directory; it must hold PEM certificates"),
        ("tls_ca", "no certificate", "DOORBUS_BROKER__TLS_CA={}: "),
        ("tls_cert", None, "DOORBUS_BROKER__TLS_CERT={}, DOORBUS_BROKER__TLS_KEY=None: No such file or directory"),
    ],
)
def test_a_certificate_that_cannot_be_used_ends_the_process_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, sentence: str
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    settings = LampSettings(_env_file=None, broker={"tls": True, name: path})

    with pytest.raises(SetupError) as end:
        settings.broker.tls_context()

    told = str(end.value)
    assert told.startswith(sentence.format(path))
    assert "\n" not in told


def test_tls_checks_the_broker_and_is_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load(LampSettings, []).broker.tls_context()
    monkeypatch.setenv("DOORBUS_BROKER__TLS", "true")
    context = load(LampSettings, []).broker.tls_context()

    assert plain is None
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        load(LampSettings, ["--help"])

    text = capsys.readouterr().out
    assert end.value.code == 0
    assert all(option in text for option in ("--lamp.watts", "--broker.host", "--root", "--instance"))
    assert "Power, in watts." in text


def test_a_secret_may_come_from_a_file_that_bears_its_name(tmp_path: Path) -> None:
    class InContainer(LampSettings):
        model_config = SettingsConfigDict(secrets_dir=tmp_path)

    (tmp_path / "doorbus_broker__password").write_text("hunter2\n")

    assert load(InContainer, []).password("lamp") == "hunter2"
