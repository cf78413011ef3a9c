"""Who holds the relay lets go of it, whatever befalls the one who asked."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorbus_actuator.bolt import Report
from doorbus_actuator.fakes import RecordingRelay
from doorbus_actuator.guardian import RETRY_SECONDS, SILENCE_SECONDS, Pulse
from doorbus_actuator.hiring import command
from doorbus_actuator.relay import RelayError
from support.guarded import MAX_HOLD, guarded

# The rules, by themselves.


class Watch:
    """A pulse whose clock stops wherever something is due."""

    def __init__(self) -> None:
        self.relay = RecordingRelay()
        self.pulse = Pulse(self.relay, MAX_HOLD)
        self.now = 1000.0
        self.pulse.secure(self.now)
        self.pulse.heard(self.now)

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.pulse.due is not None and self.pulse.due <= until:
            self.now = max(self.now, self.pulse.due)
            self.pulse.tick(self.now)
        self.now = until


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("-inf")])
def test_no_time_at_all_is_an_order_to_lock(seconds: float) -> None:
    watch = Watch()
    watch.pulse.hold(1.0, watch.now)
    watch.pulse.hold(seconds, watch.now)

    assert not watch.relay.energised


@pytest.mark.parametrize("seconds", [3600.0, float("inf")])
def test_no_order_holds_longer_than_the_longest_hold_nor_do_many(seconds: float) -> None:
    watch = Watch()
    for _ in range(20):
        watch.pulse.heard(watch.now)
        watch.pulse.hold(seconds, watch.now)
        watch.passes(MAX_HOLD / 20)

    assert not watch.relay.energised


def test_a_pulse_takes_the_place_of_the_one_under_way() -> None:
    watch = Watch()
    watch.pulse.hold(1.5, watch.now)
    watch.passes(1.0)
    watch.pulse.hold(0.9, watch.now)
    watch.passes(0.8)
    assert watch.relay.energised
    watch.passes(0.1)
    assert not watch.relay.energised


def test_a_relay_that_cannot_be_let_go_is_told_again_each_second() -> None:
    watch = Watch()
    watch.pulse.hold(1.0, watch.now)
    watch.relay.broken = True
    watch.passes(1.0 + 3 * RETRY_SECONDS)
    assert watch.pulse.fault == "the coil is burnt"

    watch.relay.broken = False
    watch.passes(RETRY_SECONDS)
    assert not watch.relay.energised
    assert watch.pulse.words == "off"


ACTS = st.one_of(
    st.tuples(st.just("hold"), st.floats(-1, 20) | st.just(float("nan"))),
    st.tuples(st.sampled_from(["lock", "heard", "break", "mend"]), st.just(0.0)),
    st.tuples(st.just("pass"), st.floats(0.01, 5)),
)


@given(st.lists(ACTS, max_size=40))
@example([("hold", 1.0), ("break", 0.0), ("pass", 5.0), ("pass", 5.0), ("mend", 0.0), ("hold", 1.0)])
def test_no_history_keeps_a_sound_relay_energised_beyond_the_last_order_the_longest_hold_or_the_silence(
    acts: list[tuple[str, float]],
) -> None:
    watch = Watch()
    heard = watch.now
    ends = rose = watch.now
    for act, value in acts:
        before = watch.relay.energised
        match act:
            case "hold":  # an order is a sign of life
                if watch.pulse.fault is not None:  # what the coil did by itself is no hold of ours
                    rose = watch.now
                watch.pulse.heard(watch.now)
                watch.pulse.hold(value, watch.now)
                heard, ends = watch.now, watch.now + value
            case "lock":
                watch.pulse.lock(watch.now)
                ends = watch.now
            case "heard":
                watch.pulse.heard(watch.now)
                heard = watch.now
            case "pass":
                watch.passes(value)
            case _:
                watch.relay.broken = act == "break"
        if watch.relay.energised and not before:
            rose = watch.now
        if watch.relay.energised and not watch.relay.broken and watch.pulse.fault is None:
            assert watch.now < min(ends, rose + MAX_HOLD)
            assert watch.now < heard + SILENCE_SECONDS


# The process, as the one that is its parent.


class Ward:
    """A guardian of a simulated relay, and the line to it."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket, answers: TextIO, path: Path) -> None:
        self.process = process
        self.line = line
        self._answers = answers
        self._path = path

    def says(self, orders: str) -> str:
        """Send `orders`; the next line of the guardian."""
        self.line.sendall(orders.encode())
        return self._answers.readline().strip()

    def heard(self) -> str:
        """The next line of the guardian."""
        return self._answers.readline().strip()

    @property
    def record(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    @property
    def levels(self) -> list[bool]:
        return [line["energised"] for line in self.record]


@contextmanager
def ward(folder: Path, told: str = "") -> Iterator[Ward]:
    """Be the parent of a guardian; of one that is gone when this was `told`."""
    path = folder / "relay.jsonl"
    relay = {"relay": "simulated", "path": str(path), "door": "front", "max_hold": MAX_HOLD}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if told:
            ours.sendall(told.encode())
            ours.shutdown(socket.SHUT_WR)
        words, environment = command(json.dumps(relay))
        environment = {**os.environ, **environment}
        process = subprocess.Popen(words, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment)
        theirs.close()
        ours.settimeout(20)
        with process, ours.makefile() as answers:
            try:
                yield Ward(process, ours, answers, path)
            finally:
                with suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)


def test_a_guardian_locks_first_and_answers_each_order_with_what_the_relay_is(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        assert one.heard() == "0 off"
        assert one.says("1 hold 30\n") == "1 on"
        assert one.says("2 beat\n") == "2 on"
        assert one.says("3 lock\n") == "3 off"
        assert one.levels == [False, True, False]


def test_the_pulse_ends_by_itself_and_that_is_said(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        one.heard()
        assert one.says("1 hold 0.3\n") == "1 on"
        assert one.heard() == "0 off"
        opened, closed = one.record[1:]
        assert 0.25 < closed["monotonic"] - opened["monotonic"] < 1.3


def test_a_guardian_lets_go_when_its_actuator_is_silent_and_obeys_it_again_when_it_is_not(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        one.heard()
        assert one.says("1 hold 9\n") == "1 on"
        assert one.heard() == "0 off"
        opened, closed = one.record[1:]
        assert closed["monotonic"] - opened["monotonic"] < SILENCE_SECONDS + 1
        assert one.says("2 hold 9\n") == "2 on"


def test_a_guardian_whose_actuator_is_gone_locks_and_ends(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        one.heard()
        one.says("1 hold 9\n")
        one.line.shutdown(socket.SHUT_WR)
        assert one.heard() == ""
        assert one.process.wait(20) == 0
        assert one.levels == [False, True, False]


def test_an_order_of_an_actuator_that_is_gone_is_not_carried_out(tmp_path: Path) -> None:
    with ward(tmp_path, told="1 hold 9\n") as one:
        assert one.process.wait(20) == 0
        assert one.levels == [False]


def test_a_guardian_that_was_stopped_goes_on_as_soon_as_its_actuator_speaks(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        one.heard()
        one.process.send_signal(signal.SIGSTOP)
        assert one.says("1 hold 9\n") == "1 on"


def test_a_guardian_that_was_stopped_locks_and_ends_when_its_actuator_is_gone(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        one.heard()
        one.says("1 hold 9\n")
        one.process.send_signal(signal.SIGSTOP)
        one.line.shutdown(socket.SHUT_RDWR)
        assert one.process.wait(20) == 0
        assert one.levels == [False, True, False]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_tells_all_processes_to_end_does_not_end_a_guardian_before_its_actuator(
    tmp_path: Path, number: signal.Signals
) -> None:
    with ward(tmp_path) as one:
        one.heard()
        one.says("1 hold 9\n")
        one.process.send_signal(number)
        assert one.says("2 beat\n") == "2 on"


@pytest.mark.parametrize(
    "nonsense", ["hello\n", "1 hold\n", "1 hold long\n", "1 hold 1 2\n", "\n", "1 \xff\n", "x" * 9999]
)
def test_an_actuator_that_makes_no_sense_has_no_door_open(tmp_path: Path, nonsense: str) -> None:
    with ward(tmp_path) as one:
        one.heard()
        one.says("1 hold 9\n")
        one.line.sendall(nonsense.encode())
        assert one.process.wait(20) == 0
        assert one.levels == [False, True, False]


def test_an_actuator_that_reads_no_answers_gets_its_relay_let_go_all_the_same(tmp_path: Path) -> None:
    with ward(tmp_path) as one:
        one.heard()
        for number in range(1, 20_000):
            one.line.sendall(b"%d hold 9\n" % number)
        one.line.shutdown(socket.SHUT_WR)
        assert one.process.wait(20) == 0
        assert not one.levels[-1]


def test_a_guardian_loads_the_standard_library_and_the_adapter_and_nothing_else() -> None:
    code = (
        "import sys; from doorbus_actuator.guardian import relay_of;"
        "relay_of({'relay': 'simulated', 'path': 'relay.jsonl', 'door': 'front'}, print); print(*sys.modules)"
    )
    words, environment = command('{"relay": "simulated"}')
    words[words.index("-c") + 1] = code
    told = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    loaded = set(told.stdout.split()) - {"__main__"}
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}

    assert {name for name in foreign if name.partition(".")[0] != "doorbus_actuator"} == set()
    assert foreign == {
        "doorbus_actuator",
        *(f"doorbus_actuator.{one}" for one in ("guardian", "mark", "relay", "simulated", "slim")),
    }
    assert {"asyncio", "collections", "enum", "json", "pathlib", "re", "site", "socket", "typing"} & loaded == set()


# The actuator's side.


async def test_a_guarded_relay_is_energised_when_the_order_returns_and_let_go_when_the_time_is_over(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path) as one:
        assert one.reports == [Report(energised=False, fault=None)]
        await one.guarded.hold(0.3)
        assert one.unlocked()
        await one.until(lambda: not one.reports[-1].energised)
        assert not one.unlocked()
        assert {report.fault for report in one.reports} == {None}


async def test_a_guardian_that_dies_is_replaced_by_one_that_locks_first(tmp_path: Path) -> None:
    async with guarded(tmp_path) as one:
        await one.guarded.hold(9)
        first = one.guardian
        os.kill(first, signal.SIGKILL)
        await one.until(lambda: one.reports[-1] == Report(energised=False, fault=None))

        assert not one.unlocked()
        (fault,) = {report.fault for report in one.reports} - {None}
        assert "the relay's guardian has ended" in str(fault)
        assert one.guardian != first
        await one.guarded.hold(9)
        assert one.unlocked()


async def test_a_relay_whose_guardian_has_died_is_let_go_before_another_one_can_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with guarded(tmp_path) as one:
        await one.guarded.hold(9)
        with monkeypatch.context() as machine:
            machine.setattr(sys, "executable", str(tmp_path / "nowhere"))
            os.kill(one.guardian, signal.SIGKILL)
            await one.until(lambda: "no guardian can be started" in str(one.reports[-1].fault))
            assert not one.unlocked()


async def test_a_guardian_that_hangs_is_replaced_by_one_that_locks_first(tmp_path: Path) -> None:
    record, aside = tmp_path / "relay.jsonl", tmp_path / "aside"
    async with guarded(tmp_path) as one:
        await one.guarded.hold(9)
        record.rename(aside)
        os.mkfifo(record)  # to open it takes until somebody reads
        with pytest.raises(RelayError, match="has not answered within"):
            await one.guarded.lock()
        aside.rename(record)
        await one.until(lambda: one.reports[-1] == Report(energised=False, fault=None))

        assert not one.unlocked()
        await one.guarded.hold(9)
        assert one.unlocked()


async def test_closing_a_relay_whose_guardian_has_died_locks_it(tmp_path: Path) -> None:
    async with guarded(tmp_path) as one:
        await one.guarded.hold(9)
        os.kill(one.guardian, signal.SIGKILL)
    with pytest.raises(RelayError, match="no guardian"):
        await one.guarded.hold(1)
    assert not one.unlocked()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_disk_that_is_full_does_not_keep_a_guarded_relay_from_moving(tmp_path: Path) -> None:
    (tmp_path / "relay.jsonl").symlink_to("/dev/full")
    async with guarded(tmp_path) as one:
        await one.guarded.hold(0.3)
        assert one.reports[-1].energised
        await one.until(lambda: not one.reports[-1].energised)
        (tmp_path / "relay.jsonl").unlink()
        await one.guarded.hold(9)
        assert one.unlocked()
