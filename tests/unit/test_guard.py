"""A guardian that is nobody's child: the relay is let go although all that the actuator runs in was killed at once."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from doorbus_actuator.relay import RelayError
from doorbus_actuator.simulated import SimulatedRelay
from support.guarded import guarded


class Standing:
    """A guardian in a folder of its own, which can be started again there."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.path = folder / "guardian"
        self._record = folder / "relay.jsonl"
        self._folder = folder
        self.process = process or self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return start(self._folder, DOORBUS_ACTUATOR__GUARDIAN=str(self.path))

    def again(self) -> None:
        """Start another one in the place of one that has ended."""
        self.process.communicate(timeout=20)
        self.process = self._start()

    @property
    def levels(self) -> list[bool]:
        return [json.loads(line)["energised"] for line in self._record.read_text().splitlines()]

    @contextmanager
    def actuator(self) -> Iterator["Speaker"]:
        """Be an actuator that has found it."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            while True:
                assert self.process.poll() is None, "the guardian has ended"
                try:
                    link.connect(str(self.path))
                except (FileNotFoundError, ConnectionRefusedError):
                    time.sleep(0.02)  # a socket that is not there yet tells nobody
                else:
                    break
            with link.makefile() as answers:
                speaker = Speaker(link, answers)
                assert speaker.heard() == "0 off"
                yield speaker


class Speaker:
    """An actuator's side of the line."""

    def __init__(self, link: socket.socket, answers: TextIO) -> None:
        self._link = link
        self._answers = answers

    def says(self, order: str) -> str:
        """Give an order; the next line of the guardian."""
        self._link.sendall(f"{order}\n".encode())
        return self.heard()

    def heard(self) -> str:
        """The next line of the guardian; empty when it has hung up."""
        return self._answers.readline().strip()

    def goes(self) -> None:
        """Go as one that is killed."""
        self._link.shutdown(socket.SHUT_RDWR)


def start(var: Path, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "doorbus_actuator.guard", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=var,
        env={**os.environ, "DOORBUS_VAR": str(var), "DOORBUS_ACTUATOR__TIME_ZONE": "UTC", **settings},
    )


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    one = Standing(tmp_path)
    yield one
    one.process.send_signal(signal.SIGTERM)
    one.process.communicate(timeout=20)


def test_it_lets_go_when_its_actuator_is_killed_and_waits_for_the_next(standing: Standing) -> None:
    with standing.actuator() as first:
        assert first.says("1 hold 9") == "1 on"
        first.goes()
    with standing.actuator() as second:
        assert standing.levels == [False, True, False]
        assert second.says("1 hold 9") == "1 on"


def test_one_that_was_stopped_lets_go_all_the_same(standing: Standing) -> None:
    with standing.actuator() as first:
        assert first.says("1 hold 9") == "1 on"
        standing.process.send_signal(signal.SIGSTOP)
        first.goes()
    with standing.actuator():
        assert standing.levels == [False, True, False]


def test_one_that_was_killed_with_the_door_open_locks_before_it_listens_to_anybody(standing: Standing) -> None:
    with standing.actuator() as first:
        assert first.says("1 hold 9") == "1 on"
        standing.process.kill()
        assert first.heard() == ""
    standing.again()
    with standing.actuator():
        assert standing.levels == [False, True, False, False], "by the first act, and by the guardian"


def test_an_actuator_that_hangs_makes_room_for_another_and_its_pulse_ends(standing: Standing) -> None:
    with standing.actuator() as stuck:
        assert stuck.says("1 hold 9") == "1 on"
        with standing.actuator() as next_one:
            assert standing.levels == [False, True, False]
            assert "" in (stuck.heard(), stuck.heard())  # unless it heard of the end of its pulse first
            assert next_one.says("1 hold 9") == "1 on"


def test_an_actuator_that_lives_keeps_others_out(standing: Standing) -> None:
    with standing.actuator() as first, socket.socket(socket.AF_UNIX) as second:
        second.connect(str(standing.path))
        for number in range(200):
            assert first.says(f"{number + 1} beat") == f"{number + 1} off"
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.recv(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_locks(standing: Standing, number: signal.Signals) -> None:
    with standing.actuator() as one:
        assert one.says("1 hold 9") == "1 on"
        standing.process.send_signal(number)
        assert one.heard() == ""
        assert standing.process.wait(20) == 0
    assert standing.levels == [False, True, False]


def test_nobody_else_may_open_its_socket(standing: Standing) -> None:
    with standing.actuator():
        assert stat.S_IMODE(standing.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "DOORBUS_ACTUATOR__GUARDIAN is empty: "),
        (
            "/nowhere/guardian",
            "DOORBUS_ACTUATOR__GUARDIAN=/nowhere/guardian: no socket can be made there: No such file",
        ),
        ("x" * 108, f"DOORBUS_ACTUATOR__GUARDIAN={'x' * 108}: the path of a socket may have 107 bytes"),
    ],
)
def test_a_place_where_it_cannot_listen_is_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    process = start(tmp_path, DOORBUS_ACTUATOR__GUARDIAN=path)
    said = process.communicate(timeout=30)[1].decode()

    assert process.returncode == 2
    assert said.startswith(sentence)
    assert said.count("\n") == 1


def test_whether_it_could_start_is_told_beside_one_that_is_at_work(standing: Standing, tmp_path: Path) -> None:
    with standing.actuator() as one:
        assert one.says("1 hold 9") == "1 on"
        asked = start(tmp_path, "--check", DOORBUS_ACTUATOR__GUARDIAN=str(standing.path))
        for number in range(2, 10_000):
            if asked.poll() is not None:
                break
            assert one.says(f"{number} beat") == f"{number} on"
        assert asked.communicate(timeout=20)[1] == b""
        assert asked.returncode == 0


# An actuator, where its guardian stands by itself.


async def test_an_actuator_whose_guardian_is_killed_lets_the_relay_go_itself_and_is_jammed_until_it_is_back(
    standing: Standing, tmp_path: Path
) -> None:
    with standing.actuator():
        pass
    async with guarded(tmp_path, standing.path) as one:
        await one.guarded.hold(9)
        assert one.unlocked()
        standing.process.kill()
        await one.until(lambda: one.reports[-1].fault is not None)
        await one.until(lambda: not one.unlocked())
        with pytest.raises(RelayError):
            await one.guarded.hold(9)
        assert not one.unlocked()

        standing.again()
        await one.until(lambda: one.reports[-1].fault is None)
        await one.guarded.hold(9)
        assert one.unlocked()
    assert not standing.levels[-1]


async def test_an_actuator_that_finds_no_guardian_locks_and_says_where_it_looked(tmp_path: Path) -> None:
    left = SimulatedRelay(tmp_path / "relay.jsonl", print, door="front")
    left.setup()
    left.energise()

    async with guarded(tmp_path, tmp_path / "nobody") as one:
        assert not one.unlocked()
        assert f"no guardian at DOORBUS_ACTUATOR__GUARDIAN={tmp_path}/nobody" in str(one.reports[-1].fault)
        await one.until(lambda: len(one.reports) > 1)  # it goes on looking
        assert one.reports[-1].fault is not None


# A socket, and the volume or directory that it is in, belongs to one door.


def test_a_guardian_does_not_take_the_socket_of_another_doors(standing: Standing, tmp_path: Path) -> None:
    with standing.actuator() as front:
        back = start(tmp_path, DOORBUS_ACTUATOR__GUARDIAN=str(standing.path), DOORBUS_ACTUATOR__DOOR="back")
        for number in range(1, 10_000):
            if back.poll() is not None:
                break
            assert front.says(f"{number} beat") == f"{number} off"
        said = back.communicate(timeout=20)[1].decode()

    assert back.returncode == 2
    assert "the guardian of door front listens there; back needs a socket of its own" in said


def test_of_guardians_that_start_at_one_socket_at_the_same_time_one_serves_and_the_others_say_so(
    tmp_path: Path,
) -> None:
    path = tmp_path / "guardian"
    all_of_them = [start(tmp_path, DOORBUS_ACTUATOR__GUARDIAN=str(path)) for _ in range(4)]
    left, patience = list(all_of_them), time.monotonic() + 60
    while len(left) > 1 and time.monotonic() < patience:
        time.sleep(0.02)  # a process that ends tells its parent alone
        left = [one for one in left if one.poll() is None]
    said = [one.communicate(timeout=20)[1].decode() for one in all_of_them if one not in left]

    assert len(left) == 1
    assert [one.returncode for one in all_of_them if one not in left] == [2, 2, 2]
    sentence = f"DOORBUS_ACTUATOR__GUARDIAN={path}: the guardian of door front listens there; stop that one first"
    assert all(sentence in one for one in said)
    standing = Standing(tmp_path, left[0])
    with standing.actuator() as one:
        assert one.says("1 hold 9") == "1 on"
        late = start(tmp_path, DOORBUS_ACTUATOR__GUARDIAN=str(path))
        for number in range(2, 10_000):
            if late.poll() is not None:
                break
            assert one.says(f"{number} beat") == f"{number} on"
        late.communicate(timeout=20)
        assert standing.levels == [False, True], "the one that came too late has not touched the relay"
    left[0].kill()
    left[0].communicate(timeout=20)


def test_a_door_that_has_another_name_now_takes_the_place_of_what_it_was(standing: Standing, tmp_path: Path) -> None:
    with standing.actuator():
        standing.process.kill()
    standing.process.communicate(timeout=20)
    standing.process = start(tmp_path, DOORBUS_ACTUATOR__GUARDIAN=str(standing.path), DOORBUS_ACTUATOR__DOOR="back")

    with standing.actuator() as one:
        assert one.says("1 hold 9") == "1 on"
    assert json.loads((tmp_path / "relay.jsonl").read_text().splitlines()[-1])["door"] == "back"


async def test_an_actuator_gives_no_order_to_another_doors_guardian_and_says_whose_it_is(
    standing: Standing, tmp_path: Path
) -> None:
    with standing.actuator():
        pass
    async with guarded(tmp_path, standing.path, door="back") as back:
        with pytest.raises(RelayError):
            await back.guarded.hold(9)
        assert back.reports[-1].fault is not None
        assert f"{standing.path} is of door front; back needs its own" in back.reports[-1].fault

    assert True not in standing.levels


# What is left when nobody could lock.


def first_act(var: Path, *arguments: str) -> list[str]:
    """Do what a process that drives the relay does first; the modules that this loads."""
    code = "import sys; from doorbus_actuator import early; early.lock(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "DOORBUS_VAR": str(var)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def killed_while_open(standing: Standing) -> None:
    with standing.actuator() as one:
        assert one.says("1 hold 9") == "1 on"
        standing.process.kill()
        assert one.heard() == ""
    assert standing.levels == [False, True]


def test_whoever_starts_after_all_were_killed_locks_before_it_loads_anything_large(
    standing: Standing, tmp_path: Path
) -> None:
    killed_while_open(standing)
    loaded = first_act(tmp_path)

    assert standing.levels == [False, True, False]
    assert not {"pydantic", "structlog", "asyncio", "doorbus.runtime.settings"} & set(loaded)


def test_to_ask_whether_it_could_start_locks_nothing(standing: Standing, tmp_path: Path) -> None:
    killed_while_open(standing)
    first_act(tmp_path, "--check")

    assert standing.levels == [False, True]


def test_what_was_left_before_the_machine_was_started_is_not_touched(standing: Standing, tmp_path: Path) -> None:
    killed_while_open(standing)
    mark = tmp_path / "guardian-front.json"
    mark.write_text(json.dumps(json.loads(mark.read_text()) | {"boot": "another"}))
    first_act(tmp_path)

    assert standing.levels == [False, True]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"relay": "rpi"}', b"\xff"])
def test_a_mark_that_is_damaged_is_in_nobodys_way(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "guardian-front.json").write_bytes(content)
    first_act(tmp_path)

    assert not (tmp_path / "relay.jsonl").exists()


def test_a_guardian_that_ended_in_order_leaves_no_mark(standing: Standing, tmp_path: Path) -> None:
    with standing.actuator() as one:
        assert one.says("1 hold 9") == "1 on"
        assert (tmp_path / "guardian-front.json").exists()
        standing.process.send_signal(signal.SIGTERM)
        assert standing.process.wait(20) == 0
    first_act(tmp_path)

    assert not (tmp_path / "guardian-front.json").exists()
    assert standing.levels == [False, True, False]
