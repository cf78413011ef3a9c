"""What is promised of the images, asked of the images."""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from doorbus.wire.channels import OPTIONAL
from support.compose import REPOSITORY, SERVICES, docker

pytestmark = pytest.mark.timeout(600)
IMAGES = ("", *SERVICES, *OPTIONAL)
"""The image of the command, and those of the services."""
EXTRAS = tomllib.loads((REPOSITORY / "bus/pyproject.toml").read_text())["project"]["optional-dependencies"]
OF_EXTRAS = {"PIL"} | {re.split(r"[^\w-]", one)[0].removeprefix("py") for extra in EXTRAS.values() for one in extra}
"""Libraries that a module of the bus may need and an image lack, where the service needs neither. PyNaCl is `nacl`,
Pillow `PIL`."""
IMPORT_ALL = f"""
import importlib, pathlib, doorbus
code = pathlib.Path(doorbus.__file__).parents[1]
names = [".".join(path.relative_to(code).with_suffix("").parts) for path in code.glob("doorbus*/**/*.py")]
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not name.startswith("doorbus.") or error.name not in {OF_EXTRAS}:
            raise
print(*sorted({{".".join(name.split(".")[:2]) for name in names}}))
"""


@pytest.fixture(scope="session", autouse=True)
async def _built() -> None:
    await docker("compose", "-f", str(REPOSITORY / "compose.yaml"), "--profile", "*", "build", "--quiet")


def _image(service: str) -> str:
    return f"doorbus-{service}" if service else "doorbus"


async def _inside(service: str, *command: str, options: Sequence[str] = ()) -> str:
    program, *arguments = command
    run = ("run", "--rm", "--network", "none", *options, "--entrypoint", program, _image(service))
    return (await docker(*run, *arguments)).strip()


@pytest.mark.parametrize("service", IMAGES)
async def test_an_image_runs_as_somebody_who_is_not_root_and_gets_signals_itself(service: str) -> None:
    (told,) = json.loads(await docker("image", "inspect", _image(service)))

    assert await _inside(service, "id", "-u") == "10001"
    assert told["Config"]["User"] == "10001:10001"  # a number, which Kubernetes can tell from root
    assert told["Config"]["Entrypoint"] == ["python", "-m", f"doorbus_{service}" if service else "doorbus.cli"]


@pytest.mark.parametrize("service", IMAGES)
async def test_an_image_brings_nothing_that_installs_or_fetches_or_compiles(service: str) -> None:
    programs = "pip pip3 npm curl wget gcc git"
    found = await _inside(service, "sh", "-c", f"for one in {programs}; do command -v $one; done; true")
    pip = await _inside(service, "python", "-c", "import importlib.util; print(importlib.util.find_spec('pip'))")

    assert (found, pip) == ("", "None")


@pytest.mark.parametrize("service", IMAGES)
async def test_every_module_that_an_image_holds_can_be_imported_in_it(service: str) -> None:
    rooms = (await _inside(service, "python", "-W", "ignore", "-c", IMPORT_ALL)).split()

    assert {"doorbus.wire", "doorbus.runtime"} <= set(rooms)
    assert ("doorbus.cli" in rooms) is (service == "")
    assert (f"doorbus_{service}.service" in rooms) is (service != "")


async def test_nothing_of_a_run_reaches_the_engine_but_weights_and_pictures(tmp_path: Path) -> None:
    ours = ("bus/src/doorbus/x.py", "services/capture/src/doorbus_capture/x.py", "requirements/x.txt", "LICENSE")
    given = ("var/weights/x.tflite", "var/samples/x.jpg")
    secret = (".env", "var/enroller.db", "var/credentials/operator", "var/secrets/site.key", "secrets/ca.key", ".git/x")
    for name in (*ours, *given, *secret):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".dockerignore").write_bytes((REPOSITORY / ".dockerignore").read_bytes())
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")

    await docker("build", "--quiet", "--output", str(tmp_path / "reached"), str(tmp_path))
    reached = {path.relative_to(tmp_path / "reached").as_posix() for path in (tmp_path / "reached").rglob("*")}

    assert set(given) <= reached
    assert reached & set(secret) == set()
