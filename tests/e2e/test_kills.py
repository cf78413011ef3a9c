"""Whenever the enroller is killed, people are as they were before a request or after it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_fifty_kills_amid_requests_leave_no_half_and_undo_nothing_that_was_answered(
    tmp_path: Path, repository: Path
) -> None:
    for name in ("weights", "samples"):
        (tmp_path / name).symlink_to(repository / "var" / name)
    done = subprocess.run(
        [sys.executable, "bench/kills.py", "--rounds", "50"],
        cwd=repository,
        env={**os.environ, "DOORBUS_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "50 kills; all held" in done.stdout
