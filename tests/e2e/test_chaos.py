"""Whatever befalls an actuator, its relay lets go on time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(400)
def test_fifty_kills_stops_and_clock_jumps_leave_no_pulse_longer_than_it_should_be_by_a_second(
    tmp_path: Path, repository: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "bench/chaos.py", "--rounds", "50"],
        cwd=repository,
        env={**os.environ, "DOORBUS_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "50 rounds" in done.stdout
