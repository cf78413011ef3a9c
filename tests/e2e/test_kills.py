"""Whenever the enroller is killed, people are as they were before a request or after it."""

from pathlib import Path

import pytest

from support.programs import bench


@pytest.mark.timeout(600)
def test_fifty_kills_amid_requests_leave_no_half_and_undo_nothing_that_was_answered(
    tmp_path: Path, repository: Path
) -> None:
    for name in ("weights", "samples"):
        (tmp_path / name).symlink_to(repository / "var" / name)
    told = bench(repository, tmp_path, "kills", "--rounds", "50")

    assert "50 kills; all held" in told


@pytest.mark.timeout(600)
def test_twenty_kills_amid_rotations_of_the_site_key_lose_nobody_and_leave_nothing_to_the_former_key(
    tmp_path: Path, repository: Path
) -> None:
    for name in ("weights", "samples"):
        (tmp_path / name).symlink_to(repository / "var" / name)
    told = bench(repository, tmp_path, "kills", "--rounds", "20", "--only", "rotate")

    assert "20 kills; all held" in told
