"""De-energising the relay of an actuator that is no more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doorbus.runtime.errors import SetupError
from doorbus_actuator.factory import chosen_relay
from doorbus_actuator.guardian import relay_of
from doorbus_actuator.settings import ActuatorSettings, RelayKind
from doorbus_actuator.simulated import SimulatedRelay


def release(var: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "doorbus_actuator.release"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "DOORBUS_VAR": str(var), "DOORBUS_ACTUATOR__TIME_ZONE": "UTC", **settings},
    )


def test_a_relay_that_a_killed_actuator_left_energised_is_released(tmp_path: Path) -> None:
    killed = SimulatedRelay(tmp_path / "relay.jsonl", print, door="front")
    killed.setup()
    killed.energise()

    ended = release(tmp_path)

    lines = (tmp_path / "relay.jsonl").read_text().splitlines()
    assert [json.loads(line)["energised"] for line in lines] == [False, True, False]
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "door front: the relay is de-energised\n")


def test_it_says_so_when_the_relay_cannot_be_driven(tmp_path: Path) -> None:
    ended = release(tmp_path, DOORBUS_ACTUATOR__RELAY="rpi")

    assert ended.returncode == 2
    assert ended.stderr.startswith("DOORBUS_ACTUATOR__RELAY=rpi: ")
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    ended = release(tmp_path, DOORBUS_ACTUATOR__PIN="99")

    assert ended.returncode == 2
    assert ended.stderr.startswith("DOORBUS_ACTUATOR__PIN=99: ")
    assert ended.stderr.count("\n") == 1


def test_the_settings_choose_the_relay(tmp_path: Path) -> None:
    settings = ActuatorSettings(var=tmp_path)

    assert isinstance(relay_of(chosen_relay(settings), print), SimulatedRelay)
    on_a_pin = settings.model_copy(update={"actuator": settings.actuator.model_copy(update={"relay": RelayKind.RPI})})
    with pytest.raises(SetupError, match=r"RPi\.GPIO"):
        chosen_relay(on_a_pin)
