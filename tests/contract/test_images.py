"""What is promised of compose.yaml and of what goes into the images, as far as it shows without an engine."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from doorbus.cli import env
from doorbus.runtime import words
from doorbus.wire.channels import OPTIONAL, SERVICES
from doorbus.wire.keyfiles import SIGNERS

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "scripts/image"
DOCKERFILES = sorted([*REPOSITORY.glob("services/*/Dockerfile"), REPOSITORY / "bus/Dockerfile"])
PROJECTS = [REPOSITORY / "compose.yaml", *sorted(REPOSITORY.glob("deploy/compose/*.yaml"))]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
SETTINGS: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy/compose/settings.yaml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = {name: one for name, one in CONTAINERS.items() if one.get("restart") != "no"}
GUARDIANS = {name: one for name, one in LASTING.items() if name.startswith("guardian")}
DOORS = [name for name in LASTING if name.startswith("actuator")]
BUS = {name: one for name, one in LASTING.items() if name not in {"broker", "metrics", *GUARDIANS}}


def where(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def test_every_service_has_an_image() -> None:
    assert {where(path) for path in DOCKERFILES} == {
        "bus/Dockerfile",
        *(f"services/{service}/Dockerfile" for service in (*SERVICES, *OPTIONAL)),
    }


def test_what_images_stand_on_is_pinned_by_digest_and_the_same_everywhere() -> None:
    told = {choice.name: choice.default for choice in env.CONTAINERS}
    bases = {
        base
        for path in DOCKERFILES
        for base in re.findall(r"^FROM (\S+)|^ARG DOORBUS_PYTHON_IMAGE=(\S+)", path.read_text(), re.MULTILINE)
    }

    assert bases == {("${DOORBUS_PYTHON_IMAGE}", ""), ("", told["DOORBUS_PYTHON_IMAGE"])}
    foreign = [one["image"] for one in CONTAINERS.values() if not one["image"].startswith("doorbus")]
    assert foreign == [f"${{DOORBUS_BROKER_IMAGE:-{told['DOORBUS_BROKER_IMAGE']}}}"]
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", told[f"DOORBUS_{one}_IMAGE"]) for one in ("PYTHON", "BROKER"))


@pytest.fixture
def pinned(tmp_path: Path) -> str:
    """The one line that pins the one package that there is, with its hash."""
    wheel = tmp_path / "lamp-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("lamp.py", "")
        file.writestr("lamp-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n")
        file.writestr("lamp-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("lamp-1.0.dist-info/RECORD", "")
    return f"lamp==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("line", "installed"), [("{pinned}", True), ("lamp==1.0", False), ("lamp==1.0 --hash=sha256:" + 64 * "0", False)]
)
def test_an_image_gets_what_is_pinned_by_its_hash_and_nothing_else(
    line: str, pinned: str, tmp_path: Path, *, installed: bool
) -> None:
    requirements, into = tmp_path / "requirements.txt", tmp_path / "environment"
    requirements.write_text(line.format(pinned=pinned))
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}

    done = subprocess.run(
        [SCRIPTS / "environment", into, requirements], env=os.environ | nowhere, capture_output=True, check=False
    )
    there = subprocess.run([into / "bin/python", "-I", "-c", "import lamp"], capture_output=True, check=False)

    assert (done.returncode == 0) is installed, done.stderr.decode()
    assert (there.returncode == 0) is installed


@pytest.mark.parametrize("service", [*SERVICES, *OPTIONAL])
def test_an_image_has_the_versions_that_the_workspace_is_tested_with(service: str) -> None:
    def pins(path: Path) -> set[str]:
        names = re.findall(r"^([\w.-]+==\S+)", path.read_text(), re.MULTILINE)
        return {name.replace("opencv-contrib-python", "opencv-python") for name in names}

    tested = pins(REPOSITORY / "requirements/workspace.txt")
    files = [*(REPOSITORY / "requirements").glob(f"{service}*.txt")]

    assert {pin for file in files for pin in pins(file)} - tested == set()


@pytest.mark.parametrize("service", [*SERVICES, *OPTIONAL])
def test_every_module_that_an_image_holds_can_be_imported_there(service: str, tmp_path: Path) -> None:
    package, code = f"doorbus_{service}", tmp_path / "code"
    shutil.copytree(REPOSITORY / "bus/src/doorbus", tmp_path / "src/doorbus")
    shutil.copytree(REPOSITORY / f"services/{service}/src/{package}", tmp_path / "src" / package)
    subprocess.run([SCRIPTS / "code", sys.prefix, tmp_path / "src", code, package], check=True)
    names = [".".join(path.relative_to(code).with_suffix("").parts) for path in sorted(code.rglob("*.py"))]

    done = subprocess.run(
        [sys.executable, "-c", f"import importlib; [importlib.import_module(name) for name in {names}]"],
        env={**os.environ, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{package}.service" in names
    assert not [name for name in names if name.startswith(("doorbus.cli", "doorbus.local", "doorbus.site"))]


def test_the_actuators_image_can_drive_the_pins_of_a_raspberry_pi() -> None:
    project = tomllib.loads((REPOSITORY / "services/actuator/pyproject.toml").read_text())["project"]
    pinned = (REPOSITORY / "requirements/actuator.txt").read_text().lower()

    (wanted,) = (re.split(r"[><=]", one)[0] for one in project["optional-dependencies"]["rpi"])
    assert f"\n{wanted.lower().replace('.', '-')}==" in pinned


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    one = CONTAINERS[name]

    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["mem_limit"]
    assert one["pids_limit"] > 0
    assert "privileged" not in one
    assert "cap_add" not in one
    assert "container_name" not in one


@pytest.mark.parametrize("name", LASTING)
def test_a_container_comes_back_by_itself(name: str) -> None:
    assert LASTING[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", BUS)
def test_a_service_waits_for_the_broker_and_speaks_tls_to_it_as_its_own_user(name: str) -> None:
    one = BUS[name]
    role = name.split("-", maxsplit=1)[0]
    settings = one["environment"]

    assert one["depends_on"]["broker"] == {"condition": "service_healthy"}
    assert settings["DOORBUS_BROKER__HOST"] == "broker"
    assert settings["DOORBUS_BROKER__TLS"] == "true"
    assert settings["DOORBUS_BROKER__TLS_CA"] == "/run/secrets/ca.crt"
    assert settings["DOORBUS_BROKER__USERNAME"] == role
    assert {"source": role, "target": "doorbus_broker__password"} in one["secrets"]
    assert ("ports" in one) is (name == "console")


@pytest.mark.parametrize("name", CONTAINERS)
def test_only_recognizer_enroller_and_who_keeps_backups_get_the_key_of_the_templates(name: str) -> None:
    assert ("site.key" in CONTAINERS[name].get("secrets", [])) is (name in {"recognizer", "enroller", "admin"})


@pytest.mark.parametrize("name", BUS)
def test_a_container_gets_the_settings_of_its_own_service_and_no_password(name: str) -> None:
    role = name.split("-", maxsplit=1)[0]
    one = CONTAINERS[name]
    given = SETTINGS["services"][role]["environment"]
    others = tuple(f"DOORBUS_{service.upper()}__" for service in SERVICES if service != role)

    assert "env_file" not in one
    assert one["extends"] == {"file": "deploy/compose/settings.yaml", "service": role}
    assert [setting for setting in {**given, **one["environment"]} if setting.startswith(others)] == []
    assert "DOORBUS_BROKER__PASSWORD" not in given
    assert "DOORBUS_LOG__LEVEL" in given


@pytest.mark.parametrize("name", CONTAINERS)
def test_only_the_recorder_and_who_sends_it_faces_get_the_key_of_what_it_keeps(name: str) -> None:
    assert ("recorder.key" in CONTAINERS[name].get("secrets", [])) is (name in {"recorder", "recognizer"})


@pytest.mark.parametrize("name", CONTAINERS)
def test_who_signs_gets_its_own_key_and_nobody_elses(name: str) -> None:
    given = [one["source"] for one in CONTAINERS[name].get("secrets", []) if isinstance(one, Mapping)]

    assert [one for one in given if one.endswith(".signing")] == ([f"{name}.signing"] if name in SIGNERS else [])
    readers = {*SIGNERS, *DOORS, "recorder", "console"}
    assert ("signers" in CONTAINERS[name].get("secrets", [])) is (name in readers)


def test_the_broker_is_well_when_somebody_can_log_in() -> None:
    assert "mosquitto_sub" in CONTAINERS["broker"]["healthcheck"]["test"]


def test_there_can_be_several_recognizers() -> None:
    one = CONTAINERS["recognizer"]

    assert not {"hostname", "container_name", "ports"} & set(one)
    assert one["volumes"] == ["recognizer:/var/lib/doorbus"]
    assert "DOORBUS_INSTANCE" not in one["environment"]


def test_a_door_is_a_demonstration_or_a_raspberry_pi_or_has_a_lock_elsewhere() -> None:
    profiles = {name: one["profiles"] for name, one in LASTING.items() if "profiles" in one}

    assert profiles == {
        "metrics": ["metrics"],
        "capture": ["demo", "lock"],
        **{name: ["demo"] for name in ("guardian", "actuator")},
        "actuator-lock": ["lock"],
        **{name: ["pi"] for name in ("capture-pi", "guardian-pi", "actuator-pi")},
        "console": ["console"],
        "recorder": ["recorder"],
    }


@pytest.mark.parametrize(("suffix", "relay"), [("", "simulated"), ("-pi", "rpi")])
def test_actuator_and_guardian_of_a_door_meet_and_mean_the_same_relay(suffix: str, relay: str) -> None:
    actuator, guardian = CONTAINERS[f"actuator{suffix}"], CONTAINERS[f"guardian{suffix}"]

    assert guardian["environment"].items() <= actuator["environment"].items()
    assert guardian["environment"]["DOORBUS_ACTUATOR__RELAY"] == relay
    assert [volume for volume in guardian["volumes"] if volume not in actuator["volumes"]] == []
    for shared in ("image", "extends", "devices", "group_add"):
        assert guardian.get(shared) == actuator.get(shared)
    assert actuator["depends_on"][f"guardian{suffix}"] == {"condition": "service_healthy"}
    folder = Path(guardian["environment"]["DOORBUS_ACTUATOR__GUARDIAN"]).parent
    assert f"guardian:{folder}" in guardian["volumes"]


def test_a_lock_elsewhere_is_reached_by_the_actuator_and_a_guardian_that_is_its_child() -> None:
    one = CONTAINERS["actuator-lock"]

    assert one["environment"]["DOORBUS_ACTUATOR__GUARDIAN"] == ""
    assert one["environment"]["DOORBUS_ACTUATOR__RELAY"] == "${DOORBUS_ACTUATOR__RELAY:-mqtt}"
    assert "network_mode" not in one


@pytest.mark.parametrize("name", GUARDIANS)
def test_a_guardian_reaches_the_relay_and_nothing_else(name: str) -> None:
    assert GUARDIANS[name]["network_mode"] == "none"
    assert not {"secrets", "ports", "depends_on"} & set(GUARDIANS[name])


def variables() -> Iterator[tuple[str, str | None]]:
    """Names of the variables that the compose files ask for, each with the default that stands beside it."""
    for path in PROJECTS:
        for word in scalars(yaml.safe_load(path.read_text())):
            for name, default in re.findall(r"\$\{([A-Z_]+)(?::-([^}]*))?", word):
                yield name, default or None


def scalars(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield from (*scalars(key), *scalars(value))
    elif isinstance(part, list):
        for value in part:
            yield from scalars(value)
    elif isinstance(part, str):
        yield part


def test_every_variable_of_the_compose_files_is_in_the_example_and_the_other_way_round() -> None:
    used = {name for name, _ in variables()} | {"TZ", "OPENCV_FFMPEG_CAPTURE_OPTIONS"}
    composes_own = {"COMPOSE_PROFILES", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME"}

    assert used - env.names(env.installed()) == set()
    assert {choice.name for choice in env.CONTAINERS} - used == composes_own


@pytest.mark.parametrize("name", [*BUS, *GUARDIANS])
def test_every_setting_of_a_container_exists(name: str) -> None:
    known = env.names(env.installed()) | {words.CALLED, words.SECRETS}

    assert set(CONTAINERS[name]["environment"]) - known == set()


def test_a_default_is_the_same_wherever_it_is_written() -> None:
    told = {choice.name: choice.default for choice in env.CONTAINERS if choice.default}

    assert {(name, default) for name, default in variables() if default and default != told.get(name, default)} == set()
