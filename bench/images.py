"""Sizes of the images that compose.yaml builds, against the goals, and of the base that they share.

Builds what is not there or not up to date. The base is downloaded and stored once for all of them, so each image is
shown as a whole and as what it adds to the base.
"""

import json
import subprocess
import sys
from pathlib import Path

from common import keep, show

REPOSITORY = Path(__file__).parent.parent
MEGABYTE = 1e6
"""As Docker counts."""
OFFICIAL_BASE_MB = 125.0
"""About what Docker Hub's python:3.11-slim-bookworm takes; one that stands in for it may be another."""
GOALS_MB = {"actuator": 150.0, "capture": 350.0, "recognizer": 700.0, "enroller": 250.0, "doorbus": 200.0}
"""Most that the whole image may take on the official base, the recognizer's without TensorFlow."""


def docker(*arguments: str) -> str:
    """What a docker command prints; ends the bench with what it complains about."""
    done = subprocess.run(["docker", *arguments], cwd=REPOSITORY, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"docker {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def size(image: str) -> float:
    """Size of an image in megabytes, base included."""
    return float(docker("image", "inspect", "--format", "{{.Size}}", image)) / MEGABYTE


def main() -> None:
    """Build, measure, print and keep."""
    services = json.loads(docker("compose", "--profile", "*", "config", "--format", "json"))["services"]
    bases = {one["build"]["args"]["DOORBUS_PYTHON_IMAGE"] for one in services.values() if "build" in one}
    images = {
        service["image"].partition(":")[0].removeprefix("doorbus-"): service["image"]
        for service in services.values()
        if "build" in service
    }
    docker("compose", "--profile", "*", "build", "--quiet")
    (base,) = bases
    base_mb = size(base)
    rows = {}
    for name, image in sorted(images.items()):
        whole = size(image)
        rows[name] = {
            "whole": whole,
            "on top of the base": whole - base_mb,
            "on the official base": whole - base_mb + OFFICIAL_BASE_MB,
            "goal": GOALS_MB[name],
        }
    show(f"Images (base {base}: here {base_mb:.0f} MB, Docker Hub's about {OFFICIAL_BASE_MB:.0f} MB)", rows, "MB")
    keep("images", {"base": base, "base_mb": base_mb, "official_base_mb": OFFICIAL_BASE_MB, "images_mb": rows})
    if over := [name for name, row in rows.items() if row["on the official base"] > row["goal"]]:
        sys.exit(f"over the goal: {', '.join(over)}")


if __name__ == "__main__":
    main()
