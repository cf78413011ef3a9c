"""Relays: in their safe state from the first moment to the last."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorbus.testing import FakeClock
from doorbus_actuator.fakes import FakeChip, FakeGpio, RecordingRelay
from doorbus_actuator.gpiod_lines import GpiodRelay, load_gpiod
from doorbus_actuator.relay import Relay, RelayError
from doorbus_actuator.rpi import Active, Numbering, RpiRelay
from doorbus_actuator.simulated import SimulatedRelay


def simulated(path: Path, clock: FakeClock, notes: list[str] | None = None) -> SimulatedRelay:
    return SimulatedRelay(
        path, ([] if notes is None else notes).append, lambda: clock.now().timestamp(), clock.monotonic, door="front"
    )


RELAYS: dict[str, Callable[[Path], Relay]] = {
    "simulated": lambda path: simulated(path / "relay.jsonl", FakeClock()),
    "rpi": lambda _: RpiRelay(FakeGpio(), 17, Numbering.BCM, Active.HIGH),
    "gpiod": lambda _: GpiodRelay(FakeChip().claim, "/dev/gpiochip0", 17, active_low=False),
    "recording": lambda _: RecordingRelay(),
}


@pytest.fixture(params=RELAYS)
def relay(request: pytest.FixtureRequest, tmp_path: Path) -> Relay:
    return RELAYS[request.param](tmp_path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# What holds for every relay.


def test_a_relay_that_is_not_set_up_takes_no_orders(relay: Relay) -> None:
    for act in (relay.energise, relay.de_energise):
        with pytest.raises(RelayError, match="not set up"):
            act()


def test_a_closed_relay_takes_no_orders(relay: Relay) -> None:
    relay.setup()
    relay.close()
    for act in (relay.energise, relay.de_energise, relay.setup):
        with pytest.raises(RelayError, match="closed"):
            act()


def test_a_relay_that_was_never_set_up_can_be_closed(relay: Relay) -> None:
    relay.close()
    with pytest.raises(RelayError, match="closed"):
        relay.energise()


def test_a_relay_can_be_set_up_again(relay: Relay) -> None:
    relay.setup()
    relay.setup()
    relay.energise()
    relay.close()
    relay.close()
    with pytest.raises(RelayError, match="closed"):
        relay.energise()


# The simulated one.


def test_each_transition_of_the_simulated_relay_is_a_line(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "var" / "relay.jsonl"
    relay = simulated(path, clock)
    relay.setup()
    clock.advance(1.5)
    relay.energise()
    relay.energise()
    clock.advance(3)
    relay.de_energise()
    relay.de_energise()
    relay.close()
    assert lines(path) == [
        {"at": "2026-06-01T12:00:00Z", "monotonic": 1000.0, "energised": False, "door": "front"},
        {"at": "2026-06-01T12:00:01.500000Z", "monotonic": 1001.5, "energised": True, "door": "front"},
        {"at": "2026-06-01T12:00:04.500000Z", "monotonic": 1004.5, "energised": False, "door": "front"},
    ]


def test_closing_the_simulated_relay_locks(tmp_path: Path) -> None:
    path = tmp_path / "relay.jsonl"
    relay = simulated(path, FakeClock())
    relay.setup()
    relay.energise()
    relay.close()
    relay.close()
    assert [line["energised"] for line in lines(path)] == [False, True, False]


def test_the_simulated_relay_goes_on_with_the_file_of_the_run_before(tmp_path: Path) -> None:
    path = tmp_path / "relay.jsonl"
    for _ in range(2):
        relay = simulated(path, FakeClock())
        relay.setup()
        relay.close()
    assert [line["energised"] for line in lines(path)] == [False, False]


def test_a_full_disk_keeps_no_door_from_locking_and_the_lines_follow_when_there_is_room(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    path, clock, notes = tmp_path / "relay.jsonl", FakeClock(), list[str]()
    path.symlink_to(full)
    relay = simulated(path, clock, notes)
    relay.setup()
    relay.energise()
    clock.advance(3)
    relay.de_energise()
    why = f"{path}: No space left on device; the relay is"
    assert notes == [f"{why} off all the same", f"{why} on all the same", f"{why} off all the same"]

    path.unlink()
    relay.tend()
    assert [(line["monotonic"], line["energised"]) for line in lines(path)] == [
        (1000.0, False),
        (1000.0, True),
        (1003.0, False),
    ]


# The Raspberry Pi's.


@pytest.mark.parametrize(("active", "off", "on"), [(Active.HIGH, 0, 1), (Active.LOW, 1, 0)])
def test_the_pin_is_safe_from_the_call_that_configures_it_to_the_end(active: Active, off: int, on: int) -> None:
    gpio = FakeGpio()
    relay = RpiRelay(gpio, 17, Numbering.BCM, active)
    assert gpio.levels == []
    relay.setup()
    assert gpio.levels == [(17, off)]
    relay.energise()
    relay.de_energise()
    relay.energise()
    relay.close()
    relay.close()
    assert gpio.levels == [(17, off), (17, on), (17, off), (17, on), (17, off)]


def test_pins_are_counted_as_chosen() -> None:
    board = FakeGpio()
    RpiRelay(board, 11, Numbering.BOARD, Active.HIGH).setup()
    assert board.levels == [(11, 0)]
    with pytest.raises(RelayError, match=r"pin 9: The channel sent is invalid"):
        RpiRelay(FakeGpio(), 9, Numbering.BOARD, Active.HIGH).setup()
    with pytest.raises(RelayError, match=r"pin 28: The channel sent is invalid"):
        RpiRelay(FakeGpio(), 28, Numbering.BCM, Active.HIGH).setup()


def test_without_access_to_the_pins_the_relay_says_what_to_do_and_can_be_tried_again() -> None:
    gpio = FakeGpio(accessible=False)
    relay = RpiRelay(gpio, 17, Numbering.BCM, Active.HIGH)
    with pytest.raises(RelayError, match=r"No access to /dev/mem.*group gpio"):
        relay.setup()
    with pytest.raises(RelayError, match="not set up"):
        relay.energise()
    gpio.accessible = True
    relay.setup()
    relay.energise()
    assert gpio.levels == [(17, 0), (17, 1)]


def test_a_pin_taken_away_is_an_error_of_the_relay() -> None:
    gpio = FakeGpio()
    relay = RpiRelay(gpio, 17, Numbering.BCM, Active.HIGH)
    relay.setup()
    gpio.take_away(17)
    with pytest.raises(RelayError, match=r"pin 17: .*not been set up"):
        relay.energise()


def test_a_broken_recording_relay_fails_and_records_nothing() -> None:
    relay = RecordingRelay()
    relay.setup()
    relay.broken = True
    with pytest.raises(RelayError, match="burnt"):
        relay.energise()
    assert relay.history == [False]
    assert not relay.energised


# A line of a GPIO chip.


@pytest.mark.parametrize(("active_low", "off", "on"), [(False, 0, 1), (True, 1, 0)])
def test_the_line_is_safe_from_the_call_that_claims_it_and_is_given_back(
    *, active_low: bool, off: int, on: int
) -> None:
    chip = FakeChip()
    relay = GpiodRelay(chip.claim, "/dev/gpiochip0", 17, active_low=active_low)
    relay.setup()
    assert chip.levels == [(17, off)]
    relay.energise()
    relay.setup()
    relay.energise()
    relay.close()
    assert chip.levels[1:] == [(17, on), (17, off), (17, off), (17, on), (17, off)]
    assert chip.held == set()


def test_a_line_goes_by_its_name_too() -> None:
    chip = FakeChip({"GPIO17": 17})
    GpiodRelay(chip.claim, "/dev/gpiochip0", "GPIO17", active_low=False).setup()
    assert chip.levels == [(17, 0)]


@pytest.mark.parametrize(
    ("path", "line", "why"),
    [
        ("/dev/gpiochip9", 17, "gpiochip9 line 17: .*No such file"),
        ("/dev/gpiochip0", 99, "unable to map '99'"),
        ("/dev/gpiochip0", "GPIO99", "unable to map 'GPIO99'"),
        ("/dev/gpiochip0", 4, "line 4: .*busy.*does nobody else use the line"),
    ],
)
def test_a_line_that_cannot_be_had_says_why_and_can_be_tried_again(path: str, line: int | str, why: str) -> None:
    chip = FakeChip()
    other = chip.claim("/dev/gpiochip0", 4, False)
    relay = GpiodRelay(chip.claim, path, line, active_low=False)
    with pytest.raises(RelayError, match=why):
        relay.setup()
    other.release()
    if line == 4:
        relay.setup()
        relay.energise()
        assert chip.levels[-1] == (4, 1)


def test_the_real_library_takes_what_is_asked_of_it_and_knows_that_there_is_no_such_chip() -> None:
    relay = GpiodRelay(load_gpiod(), "/dev/gpiochip-none", 17, active_low=True)
    with pytest.raises(RelayError, match=r"/dev/gpiochip-none line 17: .*No such file"):
        relay.setup()
