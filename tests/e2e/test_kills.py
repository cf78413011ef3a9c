"""Whenever enroller or recorder is killed, all is as it was before a request or after it."""

from pathlib import Path

import pytest

from support.programs import bench


@pytest.mark.timeout(600)
def test_fifty_kills_leave_no_half_and_undo_nothing_that_was_answered(tmp_path: Path, repository: Path) -> None:
    for name in ("weights", "samples"):
        (tmp_path / name).symlink_to(repository / "var" / name)
    requests = ("enrol", "update", "remove", "remove_sample", "restore", "rotate", "accept", "keep")
    told = bench(repository, tmp_path, "kills", "--kills", "50", "--people", "100", "--only", *requests)

    assert "50 kills; all held" in told
    for amid in ("enroller amid accept", "recorder amid accept", "enroller amid rotate", "recorder amid keep"):
        assert amid in told
