"""All distributions are released together, under the version that stands in one place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from doorbus import __version__
from doorbus.cli.app import app

REPOSITORY = Path(__file__).parents[2]
DISTRIBUTIONS = sorted(
    path.parent for path in (*REPOSITORY.glob("services/*/pyproject.toml"), REPOSITORY / "bus/pyproject.toml")
)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda path: path.name)
def test_a_distribution_is_built_with_the_one_version(distribution: Path) -> None:
    asked = [sys.executable, "-m", "hatchling", "metadata", "version"]

    told = subprocess.run(asked, cwd=distribution, check=True, capture_output=True, text=True).stdout.strip()

    assert told == __version__


def test_the_changelog_says_what_came_with_the_version() -> None:
    sections = re.findall(r"^## \[(.+)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert sections[:2] == ["Unreleased", __version__]


def test_the_command_says_its_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{__version__}\n"
