"""What is promised of the images and of compose.yaml, read from the files; no engine is needed."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from doorbus.cli import env
from doorbus.wire.channels import SERVICES

REPOSITORY = Path(__file__).parents[2]
DOCKERFILES = sorted([*REPOSITORY.glob("services/*/Dockerfile"), REPOSITORY / "bus/Dockerfile"])
PROJECTS = [REPOSITORY / "compose.yaml", *sorted(REPOSITORY.glob("deploy/compose/*.yaml"))]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = {name: one for name, one in CONTAINERS.items() if one.get("restart") != "no"}
BUS = {name: one for name, one in LASTING.items() if name != "broker"}


def where(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def instructions(dockerfile: Path) -> list[str]:
    """One string for each, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [one for one in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines() if one]


def last_stage(dockerfile: Path) -> list[str]:
    every = instructions(dockerfile)
    return every[max(number for number, one in enumerate(every) if one.startswith("FROM ")) :]


def test_every_service_has_an_image() -> None:
    assert {where(path) for path in DOCKERFILES} == {
        "bus/Dockerfile",
        *(f"services/{service}/Dockerfile" for service in SERVICES),
    }


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=where)
def test_an_image_is_built_in_stages_on_the_slim_base_without_a_foreign_frontend(dockerfile: Path) -> None:
    bases = {one.split()[1] for one in instructions(dockerfile) if one.startswith("FROM ")}

    assert bases == {"python:3.11-slim-bookworm"}
    assert not re.search(r"^#\s*syntax\s*=", dockerfile.read_text(), re.MULTILINE | re.IGNORECASE)
    assert any(one.startswith("COPY --from=build ") for one in last_stage(dockerfile))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=where)
def test_an_image_runs_as_a_numbered_user_who_is_not_root_and_gets_signals_itself(dockerfile: Path) -> None:
    last = last_stage(dockerfile)
    users = [one.split()[1] for one in last if one.startswith("USER ")]
    entries = [one for one in last if one.startswith(("ENTRYPOINT", "CMD"))]

    assert users == ["10001:10001"]
    assert [one.split('"')[:4] for one in entries] == [["ENTRYPOINT [", "python", ", ", "-m"]]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=where)
def test_an_image_of_a_service_says_whether_it_is_at_work(dockerfile: Path) -> None:
    (check,) = [one for one in last_stage(dockerfile) if one.startswith("HEALTHCHECK ")]

    assert 'CMD ["python", "-m", "doorbus.healthcheck"]' in check or dockerfile.parent.name == "bus"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=where)
def test_an_image_installs_nothing_in_its_last_stage(dockerfile: Path) -> None:
    (run,) = (one for one in last_stage(dockerfile) if one.startswith("RUN "))
    script = REPOSITORY / "scripts/image" / run.rpartition("/")[2]

    assert not re.search(r"apt-get|pip +install|python -m pip|npm|curl|wget", run + script.read_text())


def test_the_images_of_the_services_end_alike() -> None:
    alike = ("RUN ", "ENV PATH=", "USER ", "WORKDIR ", "HEALTHCHECK ")
    endings = {
        tuple(one for one in last_stage(path) if one.startswith(alike))
        for path in REPOSITORY.glob("services/*/Dockerfile")
    }

    assert len(endings) == 1


@pytest.mark.parametrize(
    "path",
    sorted(
        {
            REPOSITORY / name
            for file in DOCKERFILES
            for name in re.findall(r"requirements/[\w-]+\.txt", file.read_text())
        }
    ),
    ids=where,
)
def test_what_an_image_installs_is_pinned_with_hashes(path: Path) -> None:
    text = path.read_text()
    entries = [entry for entry in re.sub(r"\\\n", " ", text).splitlines() if entry and not entry.startswith("#")]

    assert entries
    assert [entry for entry in entries if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_only_hashed_packages_are_installed() -> None:
    assert "--require-hashes" in (REPOSITORY / "scripts/image/environment").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_the_versions_that_the_workspace_is_tested_with(service: str) -> None:
    def pins(path: Path) -> set[str]:
        names = re.findall(r"^([\w.-]+==\S+)", path.read_text(), re.MULTILINE)
        return {name.replace("opencv-contrib-python", "opencv-python") for name in names}

    tested = pins(REPOSITORY / "requirements/workspace.txt")
    files = [*(REPOSITORY / "requirements").glob(f"{service}*.txt")]

    assert {pin for file in files for pin in pins(file)} - tested == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_module_that_an_image_holds_can_be_imported_there(service: str, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(REPOSITORY / "bus/src/doorbus", code / "doorbus")
    shutil.copytree(REPOSITORY / f"services/{service}/src/doorbus_{service}", code / f"doorbus_{service}")
    (taken_out,) = re.findall(r"rm -rf ([^;]+);", (REPOSITORY / "scripts/image/code").read_text())
    for room in taken_out.split():
        gone = tmp_path / room.lstrip("/")
        assert gone.exists(), f"scripts/image/code takes out {room}, which is not there"
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    names = [".".join(path.relative_to(code).with_suffix("").parts) for path in sorted(code.rglob("*.py"))]

    done = subprocess.run(
        [sys.executable, "-c", f"import importlib; [importlib.import_module(name) for name in {names}]"],
        env={**os.environ, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_actuators_image_can_drive_the_pins_of_a_raspberry_pi() -> None:
    project = tomllib.loads((REPOSITORY / "services/actuator/pyproject.toml").read_text())["project"]
    pinned = (REPOSITORY / "requirements/actuator.txt").read_text().lower()

    (wanted,) = (re.split(r"[><=]", one)[0] for one in project["optional-dependencies"]["rpi"])
    assert f"\n{wanted.lower().replace('.', '-')}==" in pinned


def test_nothing_of_a_run_reaches_the_engine_but_weights_and_pictures() -> None:
    rules = [one for one in (REPOSITORY / ".dockerignore").read_text().splitlines() if one and one[0] != "#"]

    assert rules[0] == "*"
    assert {one for one in rules if one.startswith("!var")} == {"!var/weights", "!var/samples"}
    assert not [one for one in rules if one.startswith("!") and ("secret" in one or ".env" in one)]


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
    role = name.removesuffix("-pi")
    settings = one["environment"]

    assert one["depends_on"] == {"broker": {"condition": "service_healthy"}}
    assert settings["DOORBUS_BROKER__HOST"] == "broker"
    assert settings["DOORBUS_BROKER__TLS"] == "true"
    assert settings["DOORBUS_BROKER__TLS_CA"] == "/run/secrets/ca.crt"
    assert settings["DOORBUS_BROKER__USERNAME"] == role
    assert {"source": role, "target": "doorbus_broker__password"} in one["secrets"]
    assert "ports" not in one


@pytest.mark.parametrize("name", CONTAINERS)
def test_only_recognizer_and_enroller_get_the_key_of_the_templates(name: str) -> None:
    assert ("site.key" in CONTAINERS[name].get("secrets", [])) is (name in {"recognizer", "enroller"})


def test_the_broker_is_well_when_somebody_can_log_in() -> None:
    assert "mosquitto_sub" in CONTAINERS["broker"]["healthcheck"]["test"]


def test_there_can_be_several_recognizers() -> None:
    one = CONTAINERS["recognizer"]

    assert not {"hostname", "container_name", "ports", "volumes"} & set(one)
    assert "DOORBUS_INSTANCE" not in one["environment"]


def test_a_door_is_a_demonstration_or_a_raspberry_pi_or_elsewhere() -> None:
    profiles = {name: one["profiles"] for name, one in LASTING.items() if "profiles" in one}

    assert profiles == {"capture": ["demo"], "actuator": ["demo"], "capture-pi": ["pi"], "actuator-pi": ["pi"]}
    assert CONTAINERS["actuator"]["environment"]["DOORBUS_ACTUATOR__RELAY"] == "simulated"
    assert CONTAINERS["actuator-pi"]["environment"]["DOORBUS_ACTUATOR__RELAY"] == "rpi"


def test_every_variable_of_the_compose_files_is_in_the_example_and_the_other_way_round() -> None:
    text = "".join(path.read_text() for path in PROJECTS)
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) | {"TZ"}
    example = set(re.findall(r"^#([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    composes_own = {"COMPOSE_PROFILES", "COMPOSE_FILE"}

    assert used - example == set()
    assert {choice.name for choice in env.CONTAINERS} - used == composes_own


@pytest.mark.parametrize("name", BUS)
def test_every_setting_of_a_container_exists(name: str) -> None:
    assert set(BUS[name]["environment"]) - env.names(env.installed()) == set()


def test_a_default_is_the_same_wherever_it_is_written() -> None:
    text = "".join(path.read_text() for path in PROJECTS)
    written = {(name, default) for name, default in re.findall(r"\$\{(DOORBUS_[A-Z_]+):-([^}]*)\}", text)}
    told = {choice.name: choice.default for choice in env.CONTAINERS}

    assert {(name, default) for name, default in written if told.get(name) and told[name] != default} == set()
