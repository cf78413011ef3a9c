"""What is promised of the systemd units: they can be loaded, start what there is, and are told what the guide says."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from doorbus.cli import env
from doorbus.runtime.heartbeat import BEAT_SECONDS
from doorbus.wire.channels import OPTIONAL, SERVICES, Role

REPOSITORY = Path(__file__).parents[2]
UNITS = REPOSITORY / "deploy/systemd"
GUIDE = (REPOSITORY / "docs/raspberry-pi.md").read_text()
SERVICE_FILES = sorted(UNITS.glob("doorbus-*.service"))
GUARDIAN = UNITS / "doorbus-guardian@.service"
ALL = (*SERVICES, *OPTIONAL)
OF_ROLE = {role: next(UNITS.glob(f"doorbus-{role}*.service")) for role in ALL}
ANALYZE = shutil.which("systemd-analyze")

Unit = dict[str, dict[str, list[str]]]


def read(path: Path) -> Unit:
    """Section to key to its values, in their order. Raises `ValueError` for a line that is none of a unit."""
    unit: Unit = {}
    section: dict[str, list[str]] = {}
    for line in path.read_text().replace("\\\n", " ").splitlines():
        if header := re.fullmatch(r"\[(Unit|Service|Install)\]", line):
            section = unit.setdefault(header[1], {})
        elif setting := re.fullmatch(r"([A-Z]\w+)=(.*)", line):
            section.setdefault(setting[1], []).append(setting[2])
        elif line and not line.startswith("#"):
            raise ValueError(f"{path.name}: {line}")
    return unit


def composed(path: Path) -> dict[str, list[str]]:
    """The section Service of a unit together with its drop-ins, in the order of their names: the last word counts."""
    service = read(path)["Service"]
    drop_ins = [*UNITS.glob("doorbus-.service.d/*.conf"), *UNITS.glob(f"{path.name}.d/*.conf")]
    for drop_in in sorted(drop_ins, key=lambda file: file.name):
        service |= read(drop_in)["Service"]
    return service


def install(folder: Path) -> None:
    """Put the units where systemd finds them below `folder`, with a stand-in for each program that they start."""
    units = folder / "etc/systemd/system"
    units.mkdir(parents=True)
    for one in (*SERVICE_FILES, UNITS / "doorbus.target", *UNITS.glob("*.d/*.conf")):
        (units / one.relative_to(UNITS)).parent.mkdir(exist_ok=True)
        shutil.copy(one, units / one.relative_to(UNITS))
        for program in re.findall(r"^Exec\w+=(/\S+)", one.read_text(), re.MULTILINE):
            stand_in = folder / program.lstrip("/")
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.write_text("#!/bin/sh\n")
            stand_in.chmod(0o755)


def environment(unit: Unit) -> dict[str, str]:
    pairs = [pair for line in unit["Service"]["Environment"] for pair in line.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def credentials(unit: Unit) -> dict[str, str]:
    return dict(one.split(":") for one in unit["Service"]["LoadCredential"])


def instance_of(path: Path) -> str:
    return path.name.replace("@.", "@one.")


def test_every_service_has_one_unit() -> None:
    assert {path.name.partition("@")[0].removesuffix(".service") for path in SERVICE_FILES} == {
        "doorbus-broker",
        "doorbus-picamera",
        "doorbus-guardian",
        *(f"doorbus-{role}" for role in ALL),
    }


@pytest.mark.parametrize("path", [*SERVICE_FILES, UNITS / "doorbus.target"], ids=lambda path: path.name)
def test_systemd_would_load_the_unit(path: Path, tmp_path: Path) -> None:
    assert set(read(path)) <= {"Unit", "Service", "Install"}  # all that can be told where there is no systemd
    if ANALYZE is None:
        return
    install(tmp_path)

    verified = subprocess.run(
        [ANALYZE, "verify", f"--root={tmp_path}", "--man=no", "--recursive-errors=no", instance_of(path)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("role", ALL)
def test_a_unit_starts_the_module_that_the_services_command_starts(role: Role) -> None:
    project = tomllib.loads((REPOSITORY / "services" / role / "pyproject.toml").read_text())
    (command,) = read(OF_ROLE[role])["Service"]["ExecStart"]

    assert command == f"/opt/doorbus/current/{role}/bin/python -m doorbus_{role}"
    assert project["project"]["scripts"] == {f"doorbus-{role}": f"doorbus_{role}.__main__:main"}
    assert (REPOSITORY / f"requirements/{role}.txt").exists(), "from which the installation makes bin/python"


@pytest.mark.parametrize("role", ALL)
def test_every_setting_in_a_unit_exists(role: Role) -> None:
    existing = {name for kind in env.installed() for name, _ in env.settings_of(kind)}
    own = {name for name in environment(read(OF_ROLE[role])) if name.startswith("DOORBUS_")}

    assert own
    assert own <= existing
    assert {name for name in own if "__" in name} <= {
        name for name in own if name.startswith(("DOORBUS_BROKER__", f"DOORBUS_{role}__".upper()))
    }


@pytest.mark.parametrize("role", ALL)
def test_a_service_gets_its_own_password_and_keys_only_if_it_needs_them(role: Role) -> None:
    unit = read(OF_ROLE[role])
    given, told = credentials(unit), environment(unit)

    assert given.pop("password") == f"/etc/doorbus/secrets/users/{role}"
    assert given.pop("ca.crt") == "/etc/doorbus/secrets/ca.crt"
    signers = {} if role is Role.CAPTURE else {"signers": "/etc/doorbus/secrets/signers"}
    signing = {"site.key": "/etc/doorbus/secrets/site.key", "signing.key": f"/etc/doorbus/secrets/signing/{role}.key"}
    own = {"recorder.key": "/etc/doorbus/secrets/recorder.key"} if role is Role.RECORDER else {}
    assert given == signers | own | (signing if role in (Role.RECOGNIZER, Role.ENROLLER) else {})
    assert {value for value in told.values() if value.startswith("%d/")} == {f"%d/{name}" for name in credentials(unit)}


@pytest.mark.parametrize("role", ALL)
def test_a_service_speaks_tls_and_nothing_else(role: Role) -> None:
    told = environment(read(OF_ROLE[role]))

    assert (told["DOORBUS_BROKER__TLS"], told["DOORBUS_BROKER__PORT"]) == ("true", "8883")
    assert "listener 8883" in (REPOSITORY / "mosquitto/listeners/tls.conf").read_text()


@pytest.mark.parametrize("role", ALL)
def test_the_guide_names_the_files_that_a_unit_reads(role: Role) -> None:
    files = read(OF_ROLE[role])["Service"]["EnvironmentFile"]
    example = {Role.CAPTURE: "porch", Role.RECOGNIZER: "1", Role.ACTUATOR: "front"}.get(role, "")

    for file in files:
        directory, _, name = file.removeprefix("-").rpartition("/")
        assert directory == "/etc/doorbus"
        assert f"`{name.replace('%i', example)}`" in GUIDE


@pytest.mark.parametrize("role", ALL)
def test_a_service_that_ends_or_hangs_is_started_again_for_ever(role: Role) -> None:
    unit = read(OF_ROLE[role])
    service = unit["Service"]

    assert service["Type"] == ["notify"]
    assert service["Restart"] == ["always"]
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert float(service["WatchdogSec"][0]) >= 5 * BEAT_SECONDS
    assert "RestartPreventExitStatus" not in service, "a broker that is switched on later ends a service with status 2"


@pytest.mark.parametrize("path", SERVICE_FILES, ids=lambda path: path.name)
def test_a_unit_takes_no_more_of_the_machine_than_it_needs(path: Path) -> None:
    service = composed(path)

    assert int(service["MemoryMax"][0].rstrip("MG")) > 0
    assert int(service["TasksMax"][0]) > 0


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("path", SERVICE_FILES, ids=lambda path: path.name)
def test_systemd_finds_a_unit_closed_to_the_rest_of_the_machine(path: Path, tmp_path: Path) -> None:
    install(tmp_path)
    most = 35 if path.name == "doorbus-picamera.service" else 20  # tenths of systemd's exposure level; 96 is all open

    judged = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", f"--root={tmp_path}", f"--threshold={most}", instance_of(path)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert judged.returncode == 0, judged.stdout[-2000:] + judged.stderr


def test_only_the_door_and_the_camera_touch_devices() -> None:
    allowed = {path.name: read(path)["Service"].get("DeviceAllow", []) for path in (*OF_ROLE.values(), GUARDIAN)}

    assert {name: devices for name, devices in allowed.items() if devices} == {
        "doorbus-actuator@.service": ["/dev/gpiomem rw", "char-gpiochip rw"],
        "doorbus-guardian@.service": ["/dev/gpiomem rw", "char-gpiochip rw"],
        "doorbus-capture@.service": ["char-video4linux rw"],
    }
    assert all(composed(path)["DevicePolicy"] == ["closed"] for path in OF_ROLE.values())


def test_rpi_gpio_can_find_out_which_pi_this_is() -> None:
    for path in (OF_ROLE[Role.ACTUATOR], GUARDIAN):
        assert "ProcSubset" not in composed(path), "/proc/device-tree would be hidden"


def test_the_actuator_waits_for_its_guardian_alone_and_locks_whenever_it_has_ended() -> None:
    unit = read(OF_ROLE[Role.ACTUATOR])

    assert unit["Unit"]["Wants"] == unit["Unit"]["After"] == ["doorbus-guardian@%i.service"]
    assert not {"Requires", "BindsTo"} & set(unit["Unit"]), "it would end with its guardian"
    assert unit["Service"]["ExecStopPost"] == ["/opt/doorbus/current/actuator/bin/python -m doorbus_actuator.release"]


def test_a_guardian_lives_on_when_its_actuator_is_killed_and_is_started_again_for_ever() -> None:
    unit = read(GUARDIAN)
    service = unit["Service"]

    assert "doorbus-actuator@%i.service" in unit["Unit"]["PartOf"], "a restart of the actuator brings it new settings"
    assert service["ExecStart"] == ["/opt/doorbus/current/actuator/bin/python -m doorbus_actuator.guard"]
    assert service["ExecStopPost"] == ["/opt/doorbus/current/actuator/bin/python -m doorbus_actuator.release"]
    assert service["Restart"] == ["always"]
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert "LoadCredential" not in service


def test_actuator_and_guardian_meet_as_the_same_user_and_drive_the_same_relay() -> None:
    actuator, guardian = read(OF_ROLE[Role.ACTUATOR]), read(GUARDIAN)
    (met,) = {one.get("DOORBUS_ACTUATOR__GUARDIAN") for one in map(environment, (actuator, guardian))}

    assert met == f"%t/{guardian['Service']['RuntimeDirectory'][0]}/socket"
    assert guardian["Service"]["RuntimeDirectoryMode"] == ["0700"]
    assert guardian["Service"]["User"] == [OF_ROLE[Role.ACTUATOR].name.partition("@")[0]], "of DynamicUser= by itself"
    assert "User" not in actuator["Service"]
    for same in ("EnvironmentFile", "StateDirectory", "StateDirectoryMode", "DynamicUser", "SupplementaryGroups"):
        assert guardian["Service"][same] == actuator["Service"][same]
    assert environment(guardian)["DOORBUS_VAR"] == environment(actuator)["DOORBUS_VAR"]


@pytest.mark.parametrize("path", SERVICE_FILES, ids=lambda path: path.name)
def test_the_target_stands_for_all_units(path: Path) -> None:
    unit = read(path)

    assert "doorbus.target" in unit["Unit"]["PartOf"]
    assert path == GUARDIAN or unit["Install"]["WantedBy"] == ["doorbus.target"]


def test_the_broker_finds_the_files_that_its_configuration_names() -> None:
    service = read(UNITS / "doorbus-broker.service")["Service"]
    (root,) = service["WorkingDirectory"]
    mounted = [mount.split(":")[1] for key in ("BindReadOnlyPaths", "BindPaths") for mount in service[key]]
    configuration = (REPOSITORY / "mosquitto/mosquitto.conf").read_text()
    named = re.findall(r"^(?:include_dir|\w+_file|persistence_location) (\S+)", configuration, re.MULTILINE)

    assert named
    for name in named:
        assert any(
            mount.startswith(f"{root}/{name.rstrip('/')}") or f"{root}/{name}".startswith(f"{mount}/")
            for mount in mounted
        )


def test_the_installation_knows_every_part_and_the_guide_names_them() -> None:
    asked = subprocess.run([UNITS / "install"], check=False, capture_output=True, text=True)
    parts = asked.stderr.partition("which parts? of: ")[2].split()

    assert asked.returncode == 2
    assert set(parts) == {"broker", "command", *ALL}
    named = re.findall(r"^    sudo deploy/systemd/install ([\w ]+)", GUIDE, re.MULTILINE)
    assert {part for line in named for part in line.split()} == set(parts)
