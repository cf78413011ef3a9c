"""What a supervisor sees: the file that a container's health check reads, and systemd's socket."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from doorbus.healthcheck import FRESH_SECONDS, judge
from doorbus.runtime.heartbeat import Beat, Heartbeat

WELL = Beat(monotonic=1000.0, online=True, problem=None)
AWAY = Beat(monotonic=1000.0, online=False, problem=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


@pytest.mark.parametrize(
    ("status", "later", "well", "alive"),
    [
        (WELL, 1.0, True, True),
        (WELL, FRESH_SECONDS + 1, False, False),
        (WELL, -1.0, False, False),  # left by a boot before
        (AWAY, 1.0, False, True),
        (Beat(1000.0, online=True, problem="no frame for 10 s"), 1.0, True, True),
    ],
)
def test_a_service_is_well_when_it_beats_and_is_connected(
    path: Path, status: Beat, later: float, *, well: bool, alive: bool
) -> None:
    Heartbeat(path, None).beat(status)

    told, why = judge(str(path), monotonic=1000.0 + later, alive=False)

    assert told is well
    assert judge(str(path), monotonic=1000.0 + later, alive=True)[0] is alive
    assert (status.problem or "") in why


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"monotonic": "x", "online": true, "problem": null}'])
def test_a_file_that_says_nothing_is_not_well(path: Path, content: str | None) -> None:
    if content is not None:
        path.write_text(content)

    well, why = judge(str(path), monotonic=0.0, alive=True)

    assert not well
    assert f"DOORBUS_STATUS_FILE={path}: " in why


def _check(path: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "DOORBUS_STATUS_FILE"}
    if path is not None:
        environment["DOORBUS_STATUS_FILE"] = str(path)
    command = [sys.executable, "-m", "doorbus.healthcheck", *arguments]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def test_the_command_says_it_with_its_exit_status(path: Path) -> None:

    Heartbeat(path, None).beat(Beat(time.monotonic(), online=False, problem=None))

    assert (_check(path).returncode, _check(path).stdout) == (1, "the service runs, but the broker is away\n")
    assert (_check(path, "--alive").returncode, _check(path, "--alive").stdout) == (0, "at work\n")
    assert _check(None).returncode == 2


def test_the_file_goes_when_the_service_stops(path: Path) -> None:
    heart = Heartbeat(path, None)
    heart.beat(WELL)
    assert json.loads(path.read_text())["online"] is True

    heart.end()

    assert not path.exists()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_of_readiness_once_and_of_every_beat(tmp_path: Path, *, abstract: bool) -> None:
    name = f"@doorbus-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(5)
        heart = Heartbeat(None, name)
        for status in (AWAY, WELL, Beat(1000.0, online=True, problem="dark\nand cold")):
            heart.beat(status)
        heart.end()
        heard = [systemd.recv(1024).decode().split("\n") for _ in range(4)]

    assert heard == [
        ["WATCHDOG=1", "STATUS=the broker is away"],
        ["WATCHDOG=1", "STATUS=connected", "READY=1"],
        ["WATCHDOG=1", "STATUS=dark"],
        ["STOPPING=1"],
    ]


def test_a_beat_that_cannot_be_told_is_logged_once_and_stops_nothing(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path / "missing" / "status.json", None)

    with capture_logs() as logs:
        for _ in range(3):
            heart.beat(WELL)

    assert [line["event"] for line in logs] == ["heartbeat_failed"]
