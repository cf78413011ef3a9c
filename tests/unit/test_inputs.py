"""What is wired to the machine, and which settings name it."""

import sys
from pathlib import Path

import pytest

from doorbus.runtime.errors import SetupError
from doorbus.runtime.settings import load
from doorbus.wire.messages import Input
from doorbus_actuator.factory import chosen_switches
from doorbus_actuator.fakes import FakeChip, FakeGpio, FakeSwitch
from doorbus_actuator.gpiod_lines import GpiodRelay, GpiodSwitch, load_gpiod_inputs
from doorbus_actuator.rpi import Active, Numbering, RpiRelay, RpiSwitch
from doorbus_actuator.settings import ActuatorSettings
from doorbus_actuator.simulated import SimulatedSwitch
from doorbus_actuator.switch import Circuit, Pole, SwitchError

WIRINGS = [
    (Pole.GROUND, Circuit.OPEN, 0, 1),
    (Pole.GROUND, Circuit.CLOSED, 1, 0),
    (Pole.SUPPLY, Circuit.OPEN, 1, 0),
    (Pole.SUPPLY, Circuit.CLOSED, 0, 1),
]
"""What a switch connects its pin to, how it is at rest, and the level while it is felt, and while it is not."""


@pytest.mark.parametrize(("pole", "normally", "felt", "rest"), WIRINGS)
def test_a_pin_is_felt_by_how_its_switch_is_wired(pole: Pole, normally: Circuit, felt: int, rest: int) -> None:
    gpio = FakeGpio()
    switch = RpiSwitch(gpio, 22, Numbering.BCM, pole, normally)
    switch.setup()
    for level in (rest, felt, rest):
        gpio.wired[22] = level
        assert switch.read() is (level == felt)
    switch.close()


@pytest.mark.parametrize(("pole", "normally", "felt", "rest"), WIRINGS)
def test_a_line_is_felt_by_how_its_switch_is_wired(pole: Pole, normally: Circuit, felt: int, rest: int) -> None:
    chip = FakeChip({"GPIO22": 22})
    switch = GpiodSwitch(chip.listen, "/dev/gpiochip0", "GPIO22", pole, normally)
    switch.setup()
    for level in (rest, felt, rest):
        chip.wired[22] = bool(level)
        assert switch.read() is (level == felt)
    switch.close()
    switch.close()
    assert chip.held == set()


@pytest.mark.parametrize(("pole", "normally", "felt", "rest"), WIRINGS)
def test_a_cut_wire_is_felt_where_the_switch_is_closed_at_rest(
    pole: Pole, normally: Circuit, felt: int, rest: int
) -> None:
    assert felt != rest
    pin = RpiSwitch(FakeGpio(), 22, Numbering.BCM, pole, normally)
    line = GpiodSwitch(FakeChip().listen, "/dev/gpiochip0", 22, pole, normally)
    for switch in (pin, line):
        switch.setup()
        assert switch.read() is (normally is Circuit.CLOSED)


def test_relay_and_inputs_share_a_machine_without_harm() -> None:
    gpio, chip = FakeGpio(), FakeChip()
    relay = RpiRelay(gpio, 17, Numbering.BCM, Active.HIGH)
    relay.setup()
    RpiSwitch(gpio, 22, Numbering.BCM, Pole.GROUND, Circuit.OPEN).setup()
    relay.energise()
    assert gpio.levels == [(17, 0), (17, 1)]
    lines = GpiodRelay(chip.claim, "/dev/gpiochip0", 17, active_low=False)
    lines.setup()
    GpiodSwitch(chip.listen, "/dev/gpiochip0", 22, Pole.GROUND, Circuit.OPEN).setup()
    lines.energise()
    assert chip.levels == [(17, 0), (17, 1)]


def test_what_cannot_be_read_says_why_and_can_be_tried_again() -> None:
    gpio = FakeGpio(accessible=False)
    pin = RpiSwitch(gpio, 22, Numbering.BCM, Pole.GROUND, Circuit.OPEN)
    with pytest.raises(SwitchError, match=r"pin 22: No access.*group gpio"):
        pin.setup()
    gpio.accessible = True
    pin.setup()
    assert not pin.read()
    gpio.take_away(22)
    with pytest.raises(SwitchError, match="pin 22: You must setup"):
        pin.read()
    chip = FakeChip()
    other = chip.claim("/dev/gpiochip0", 22, False)
    line = GpiodSwitch(chip.listen, "/dev/gpiochip0", 22, Pole.GROUND, Circuit.OPEN)
    with pytest.raises(SwitchError, match="not set up"):
        line.read()
    with pytest.raises(SwitchError, match=r"line 22: .*busy.*group gpio"):
        line.setup()
    other.release()
    line.setup()
    assert not line.read()
    chip.held.clear()
    with pytest.raises(SwitchError, match="line 22: the line was released"):
        line.read()


def test_the_real_library_takes_what_is_asked_of_it_and_knows_that_there_is_no_such_chip() -> None:
    switch = GpiodSwitch(load_gpiod_inputs("a test"), "/dev/gpiochip-none", 22, Pole.GROUND, Circuit.OPEN)
    with pytest.raises(SwitchError, match=r"/dev/gpiochip-none line 22: .*No such file"):
        switch.setup()


def test_a_file_plays_an_input_and_none_plays_nothing(tmp_path: Path) -> None:
    switch = SimulatedSwitch(tmp_path / "exit")
    switch.setup()
    assert not switch.read()
    for text, felt in (("ON\n", True), ("OFF\n", False), ("ON", True), ("", False)):
        (tmp_path / "exit").write_text(text)
        assert switch.read() is felt
    switch.close()


def test_a_fake_input_keeps_the_rules() -> None:
    fake = FakeSwitch()
    with pytest.raises(SwitchError, match="not set up"):
        fake.read()
    fake.setup()
    fake.felt = True
    assert fake.read()
    fake.broken = True
    with pytest.raises(SwitchError, match="broken"):
        fake.read()


# Settings.


def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> ActuatorSettings:
    monkeypatch.chdir(tmp_path)
    for name, value in settings.items():
        monkeypatch.setenv(f"DOORBUS_ACTUATOR__{name}", value)
    return load(ActuatorSettings, [])


def test_inputs_are_named_one_by_one_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = told(
        tmp_path,
        monkeypatch,
        INPUTS__CONTACT__LINE="22",
        INPUTS__EXIT__TOPIC="zigbee2mqtt/way_out",
        INPUTS__EXIT__ACTION="quiet",
        INPUTS__DOORBELL__PIN="",
    )
    switches = chosen_switches(settings)
    assert {name: type(one) for name, one in switches.items()} == {
        Input.CONTACT: GpiodSwitch,
        Input.DOORBELL: SimulatedSwitch,
        Input.TAMPER: SimulatedSwitch,
    }
    assert settings.actuator.simulated_inputs == {Input.DOORBELL, Input.TAMPER}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"CONTACT__PIN": "22", "CONTACT__LINE": "22"}, r"INPUTS__CONTACT: .*one of PIN, LINE and TOPIC"),
        ({"CONTACT__PIN": "41"}, "INPUTS__CONTACT__PIN=41"),
        ({"EXIT__FIELD": "action"}, r"INPUTS__EXIT: .*FIELD without TOPIC: give TOPIC, too"),
        ({"EXIT__FIELD": "action", "EXIT__PIN": "22"}, "FIELD without TOPIC"),
        ({"CONTACT__ON": "open", "CONTACT__OFF": "shut", "CONTACT__LINE": "22"}, "OFF, ON without TOPIC"),
        ({"TAMPER__NORMALLY": "open"}, "NORMALLY without PIN or LINE"),
        ({"DOORBELL__WIRED_TO": "supply", "DOORBELL__TOPIC": "bell"}, "WIRED_TO without PIN or LINE"),
        ({"EXIT__TOPIC": "doorbus/v1/door/front/lock/state"}, "another program"),
        ({"EXIT__TOPIC": "zigbee2mqtt/+"}, "without"),
        ({"EXIT__NORMALY": "open"}, "there is no such setting"),
        ({"TAMPER__DEBOUNCE_SECONDS": "-1"}, "DEBOUNCE_SECONDS=-1"),
        ({"CONTACT__RELOCK": "always"}, "RELOCK=always"),
        ({"CONTACT__ON": "ON", "CONTACT__OFF": "on"}, "INPUTS__CONTACT__OFF=on: on stands in ON, too"),
        ({"CONTACT__ON": "ajar, TRUE"}, "INPUTS__CONTACT__OFF.*true stands in ON"),
        ({"TAMPER__OFF": "false,true"}, "INPUTS__TAMPER__OFF.*true stands in ON"),
        ({"EXIT__ON": " ,"}, "INPUTS__EXIT__ON.*one word"),
        ({"TAMPER__OFF": ","}, "INPUTS__TAMPER__OFF.*one word"),
    ],
)
def test_a_wrong_setting_of_an_input_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], why: str
) -> None:
    with pytest.raises(SetupError, match=why):
        told(tmp_path, monkeypatch, **{f"INPUTS__{name}": value for name, value in settings.items()})


@pytest.mark.skipif("RPi" in sys.modules, reason="this is a Raspberry Pi")
def test_a_pin_where_there_are_none_names_the_setting_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = told(tmp_path, monkeypatch, INPUTS__CONTACT__PIN="22")
    with pytest.raises(
        SetupError, match=r"INPUTS__CONTACT__PIN=22: RPi\.GPIO does not work here .*INPUTS__CONTACT__LINE"
    ):
        chosen_switches(settings)
