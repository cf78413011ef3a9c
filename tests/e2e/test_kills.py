"""Whenever enroller or recorder is killed, all is as it was before a request or after it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.programs import bench

REQUESTS = ("enrol", "update", "remove", "remove_sample", "restore", "rotate", "accept", "keep")


@pytest.mark.timeout(600)
def test_fifty_kills_leave_no_half_and_undo_nothing_that_was_answered(tmp_path: Path, repository: Path) -> None:
    def killing(seed: str) -> str:
        var = tmp_path / seed
        var.mkdir()
        for name in ("weights", "samples"):
            (var / name).symlink_to(repository / "var" / name)
        return bench(repository, var, "kills", "--kills", "25", "--people", "100", "--seed", seed, "--only", *REQUESTS)

    with ThreadPoolExecutor() as sites:  # most of the time a site waits for a service to start
        told = list(sites.map(killing, ("1", "2")))

    for one in told:
        assert "25 kills; all held" in one
        for amid in ("enroller amid accept", "recorder amid accept", "enroller amid rotate", "recorder amid keep"):
            assert amid in one
