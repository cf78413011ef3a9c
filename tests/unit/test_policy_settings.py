"""What the actuator can be told, and what it refuses to be told."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import load
from doorbus.wire.one_time import Totp
from doorbus_actuator import policy
from doorbus_actuator.policy import LivenessMode
from doorbus_actuator.rpi import Active, Numbering
from doorbus_actuator.settings import Actuator, ActuatorSettings, RelayKind, rules_of
from doorbus_enroller import enrolment
from doorbus_recognizer.faces import Pose, quality_of

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a .env file of the developer must not matter


def of(monkeypatch: pytest.MonkeyPatch, **values: str) -> Actuator:
    for name, value in values.items():
        monkeypatch.setenv(f"DOORBUS_ACTUATOR__{name}", value)
    return load(ActuatorSettings, []).actuator


def test_the_defaults_are_those_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = of(monkeypatch)
    assert (settings.door, settings.relay, settings.camera_ids) == ("front", RelayKind.SIMULATED, frozenset())
    assert rules_of(settings) == policy.Rules(door="front")


def test_a_face_that_votes_is_as_large_and_as_sharp_as_one_that_is_enrolled() -> None:
    door, enrolling = Actuator(), enrolment.Rules()
    assert door.min_size >= enrolling.min_size
    assert door.min_sharpness >= enrolling.min_sharpness
    assert door.background >= enrolling.background
    assert door.min_quality >= quality_of(enrolling.min_size, enrolling.min_sharpness, Pose(yaw=0.0, pitch=0.0))


def test_everything_can_be_told_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = of(
        monkeypatch,
        DOOR="back",
        THRESHOLD="0.9",
        MARGIN="0.1",
        VOTES="3/5",
        VOTE_WINDOW_SECONDS="2.5",
        COOLDOWN_SECONDS="10",
        UNLOCK_SECONDS="5",
        LIVENESS="challenge",
        HOURS="Mo-Fr 07:00-19:00; PH off",
        COUNTRY="de",
        TIME_ZONE="Europe/Berlin",
        MAX_AGE_SECONDS="1.5",
        RELAY="rpi",
        PIN="11",
        NUMBERING="BOARD",
        ACTIVE="low",
        CAMERAS="porch, garage",
        TOTP_SECRET=SECRET,
    )
    rules = rules_of(settings)
    assert (rules.votes_needed, rules.votes_of, rules.vote_window_seconds) == (3, 5, 2.5)
    assert (rules.threshold, rules.margin, rules.max_age_seconds) == (0.9, 0.1, 1.5)
    assert (rules.cooldown_seconds, rules.unlock_seconds, rules.liveness) == (10.0, 5.0, LivenessMode.CHALLENGE)
    assert rules.hours is not None
    assert rules.codes is not None
    assert (settings.relay, settings.pin) == (RelayKind.RPI, 11)
    assert (settings.numbering, settings.active) == (Numbering.BOARD, Active.LOW)
    assert settings.camera_ids == {"porch", "garage"}
    assert settings.country == "DE"


def test_an_empty_value_means_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = of(monkeypatch, HOURS="", COUNTRY="", TOTP_SECRET="")
    assert (settings.hours, settings.country, settings.totp_secret) == (None, None, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"VOTES": "3/2"}, "DOORBUS_ACTUATOR__VOTES=3/2: .*from 1/1 to 20/20"),
        ({"VOTES": "0/3"}, "DOORBUS_ACTUATOR__VOTES=0/3"),
        ({"VOTES": "2"}, "DOORBUS_ACTUATOR__VOTES=2: .*such as 2/3"),
        ({"VOTES": "1/21"}, "DOORBUS_ACTUATOR__VOTES=1/21"),
        ({"THRESHOLD": "80"}, "DOORBUS_ACTUATOR__THRESHOLD=80: .*less than or equal to 1"),
        ({"MIN_QUALITY": "25"}, "DOORBUS_ACTUATOR__MIN_QUALITY=25: .*less than or equal to 1"),
        ({"BACKGROUND": "2"}, "DOORBUS_ACTUATOR__BACKGROUND=2: .*less than or equal to 1"),
        ({"MIN_SIZE": "-1"}, "DOORBUS_ACTUATOR__MIN_SIZE=-1: .*greater than or equal to 0"),
        ({"DOOR": "Front Door"}, "DOORBUS_ACTUATOR__DOOR=Front Door"),
        ({"CAMERAS": "porch,No Camera"}, "DOORBUS_ACTUATOR__CAMERAS=.*'No Camera' is no camera id"),
        ({"UNLOCK_SECONDS": "31"}, "DOORBUS_ACTUATOR__UNLOCK_SECONDS=31: .*must not exceed max_hold_seconds"),
        ({"UNLOCK_SECONDS": "0"}, "DOORBUS_ACTUATOR__UNLOCK_SECONDS=0"),
        ({"CHALLENGE_SECONDS": "11"}, "DOORBUS_ACTUATOR__CHALLENGE_SECONDS=11"),
        ({"MAX_HOLD_SECONDS": "2"}, "DOORBUS_ACTUATOR__UNLOCK_SECONDS=3.0: .*must not exceed max_hold_seconds"),
        ({"EYES_CLOSED_BELOW": "7"}, "DOORBUS_ACTUATOR__EYES_CLOSED_BELOW=7"),
        ({"CHALLENGES": "0"}, "DOORBUS_ACTUATOR__CHALLENGES=0"),
        ({"HOURS": "Mo-Fr 7-"}, "DOORBUS_ACTUATOR__HOURS=Mo-Fr 7-: .*is not opening hours at character 7"),
        ({"HOURS": "PH off"}, "DOORBUS_ACTUATOR__HOURS=PH off: .*need a country"),
        ({"TIME_ZONE": "Mars/Base"}, "DOORBUS_ACTUATOR__TIME_ZONE=Mars/Base: .*no time zone"),
        ({"COMMANDS": "bare"}, "DOORBUS_ACTUATOR__COMMANDS=bare: .*'plain' or 'dated'"),
        ({"LIVENESS": "yes"}, "DOORBUS_ACTUATOR__LIVENESS=yes"),
        ({"RELAY": "servo"}, "DOORBUS_ACTUATOR__RELAY=servo"),
        ({"PIN": "GPIO17"}, "DOORBUS_ACTUATOR__PIN=GPIO17"),
        ({"TRESHOLD": "0.9"}, "DOORBUS_ACTUATOR__TRESHOLD"),
    ],
)
def test_nonsense_ends_the_process_with_one_sentence(
    values: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError) as end:
        of(monkeypatch, **values)
    said = str(end.value)
    assert re.search(message, said)
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("secret", "why"),
    [("JBSWY3DP", "at least 112 bits"), ("not base32!", "must be base32: A to Z"), ("abc", "must be base32: A to Z")],
)
def test_a_secret_that_is_none_is_refused_and_never_shown(
    secret: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError) as end:
        of(monkeypatch, TOTP_SECRET=secret, VOTES="3/2")
    said = str(end.value)
    assert why in said
    assert secret not in said


def test_a_secret_is_not_in_the_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SECRET not in repr(of(monkeypatch, TOTP_SECRET=SECRET))


def test_the_codes_are_those_of_an_authenticator_app() -> None:
    codes = Totp(SECRET)
    app = pyotp.TOTP(SECRET)
    now = policy.RELEASED_AT
    offsets = {-2: False, -1: True, 0: True, 1: True, 2: False}
    assert {step: codes.valid(app.at(now, counter_offset=step), now) for step in offsets} == offsets
    assert not codes.valid("", now)
    assert not codes.valid("١٢٣٤٥٦", now)
    assert not codes.valid(app.at(datetime(1970, 1, 1, tzinfo=UTC)), datetime(1970, 1, 1, tzinfo=UTC))


def test_a_secret_may_be_written_in_groups() -> None:
    grouped = " ".join(re.findall(".{4}", SECRET))
    assert Totp(grouped).valid(pyotp.TOTP(SECRET).at(policy.RELEASED_AT), policy.RELEASED_AT)


def test_the_rules_are_told_in_the_order_in_which_they_are_tried(repository: Path) -> None:
    text = (repository / "docs" / "troubleshooting.md").read_text()
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")}
    told = {
        trigger: re.findall(r"^\| `([a-z_]+)` \|", sections[trigger], re.MULTILINE)
        for trigger in ("A face", "A command", "The exit button")
    }
    assert told["A face"] == [reason.value for reason, _ in policy.FACE_TABLE]
    assert told["A command"] == [reason.value for reason, _ in policy.COMMAND_RULES]
    assert told["The exit button"] == [reason.value for reason, _ in policy.EXIT_RULES]
