"""Whatever befalls an actuator, its relay lets go on time."""

from pathlib import Path

import pytest

from support.programs import bench


@pytest.mark.timeout(1200)
def test_fifty_kills_stops_and_clock_jumps_leave_no_pulse_longer_than_it_should_be_by_a_second(
    tmp_path: Path, repository: Path
) -> None:
    told = bench(repository, tmp_path, "chaos", "--rounds", "50", "--doors", "4")

    assert "50 rounds" in told
