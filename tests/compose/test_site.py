"""A site in containers as the administrator of an office meets it, with `make up` and scripts/secrets alone."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorbus.local.stack import free_port
from doorbus.site.certificates import LEAF_DAYS, Authority, Pair, about
from doorbus.wire.channels import Role
from support.clone import Clone, cloned
from support.compose import REPOSITORY, DockerError, docker

pytestmark = pytest.mark.timeout(900)


async def _lets_in(clone: Clone, *roles: Role) -> None:
    for role in roles:
        async with clone.transport(role).connect(client_id="test", will=None, deliver=lambda _: None):
            pass


async def test_a_rotated_password_touches_those_who_use_it_and_nobody_else(office: Clone) -> None:
    for user, touched in (("viewer", {"broker-1"}), ("actuator", {"broker-1", "actuator-1"})):
        before = await office.running()

        said = await office.well("scripts/secrets", "rotate", user)

        after = await office.running()
        assert {name for name in after if after[name] != before[name]} == touched
        assert all(name.removesuffix("-1") in said.split("started anew")[1] for name in touched)
        assert "they are well" in said
        await _lets_in(office, Role.VIEWER, Role.OPERATOR)
    before = await office.running()
    await office.well("scripts/up")
    assert await office.running() == before


async def test_nothing_is_made_anew_or_restarted_where_nothing_has_changed(office: Clone) -> None:
    before = await office.running()

    await office.well("scripts/up")

    assert await office.running() == before


async def test_secrets_that_were_changed_by_hand_are_taken_by_the_next_up(office: Clone) -> None:
    before = await office.running()
    shutil.copy(office.secrets / "site.key", office.folder / "kept")
    (office.secrets / "site.key").unlink()
    shutil.move(office.folder / "kept", office.secrets / "site.key")

    await office.well("scripts/up")

    after = await office.running()
    assert {name for name in after if after[name] != before[name]} == {"enroller-1", "recognizer-1"}


async def test_another_authority_is_one_command_after_which_everybody_is_back(office: Clone) -> None:
    before, authority = await office.running(), (office.secrets / "ca.crt").read_text()

    await office.well("scripts/secrets", "new-authority")

    after = await office.running()
    assert (office.secrets / "ca.crt").read_text() != authority
    assert [name for name in before if after[name] == before[name]] == ["guardian-1"], "which speaks to nobody"
    await _lets_in(office, Role.VIEWER)


@pytest.mark.timeout(1800)
async def test_certificates_of_clients_are_rotated_as_passwords_are(office: Clone) -> None:
    await office.well("scripts/secrets", "--client-certificates")
    office.set(COMPOSE_FILE="compose.yaml:deploy/compose/certificates.yaml")
    said = await office.well("scripts/up")
    assert said.count(" recognizer/") == 1, "the one before, which the broker let in no more at its end, is not missed"

    await office.well("scripts/camera", "add", "yard", "--source", "none")
    files = office.settings["COMPOSE_FILE"]
    told = await office.well("docker", "compose", "run", "--rm", "-T", "doorbus", "doctor")
    await office.well("scripts/key", "rotate")
    keys = await office.well("scripts/key", "show")
    await office.well("scripts/camera", "remove", "yard")
    left = await office.well("docker", "compose", "run", "--rm", "-T", "doorbus", "doctor")
    assert files == "compose.yaml:deploy/compose/certificates.yaml:compose.override.yaml"
    assert office.settings["COMPOSE_FILE"] == "compose.yaml:deploy/compose/certificates.yaml"
    assert "ok   capture/capture-yard: online" in told
    assert all(f"{one}/" in keys for one in ("enroller", "recognizer"))
    assert "yard" not in left

    await office.well("scripts/secrets", "rotate", "viewer")
    await office.well("scripts/secrets", "rotate", "capture")
    await office.well("scripts/secrets", "new-authority")
    before = await office.running()
    await office.well("scripts/up")

    assert await office.running() == before
    office.set(COMPOSE_FILE=None)
    await office.well("scripts/up")


async def test_secrets_restored_under_a_strict_umask_are_repaired(office: Clone) -> None:
    for path in (office.secrets, *office.secrets.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)

    await office.well("scripts/secrets")

    await office.well("docker", "compose", "restart", "broker")
    await office.well("scripts/up")
    await _lets_in(office, Role.VIEWER)


async def test_a_second_clone_does_not_take_the_first_over(office: Clone, tmp_path: Path) -> None:
    before = await office.running()
    second = Clone(tmp_path / "second", office.name, free_port())

    assert f"COMPOSE_PROJECT_NAME={office.name}: there are containers of this name, of {office.folder}" in (
        await second.refused("scripts/up")
    )
    assert not second.secrets.exists()
    assert "bind source path does not exist" in await second.refused("docker", "compose", "up", "--detach")
    assert await office.running() == before


async def test_people_of_a_site_whose_secrets_are_gone_are_not_given_new_ones(office: Clone) -> None:
    await office.well("docker", "compose", "down")
    office.secrets.rename(office.folder / "elsewhere")

    assert f"the volume {office.name}_enroller, whose people it is for" in await office.refused("scripts/up")

    (office.folder / "elsewhere").rename(office.secrets)
    await office.well("scripts/up")


async def test_a_clone_under_a_strict_umask_comes_up(tmp_path: Path) -> None:
    async with cloned(tmp_path / "closed") as clone:
        clone.set(COMPOSE_PROFILES="")
        for path in clone.folder.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
        await clone.well("scripts/up")
        await _lets_in(clone, Role.VIEWER)


async def test_up_tells_that_a_site_is_not_well_although_its_containers_are(office: Clone) -> None:
    path = office.secrets / "site.key"
    key = path.read_text()
    path.write_text("0" * 64 + "\n")
    office.environment["DOCTOR_SECONDS"] = "8"
    said = await office.refused("scripts/up")
    path.write_text(key)
    del office.environment["DOCTOR_SECONDS"]

    assert "fail recognizer/" in said
    assert "the containers run, but not all is well" in said
    assert "All is well." in await office.well("scripts/up")


async def test_a_camera_that_cannot_be_reached_is_told_by_up_and_by_prometheus_with_the_example_rules(
    office: Clone,
) -> None:
    port, image, prometheus = str(free_port()), f"doorbus-prometheus:{office.name}", f"{office.name}-prometheus"
    office.set(DOORBUS_CAPTURE__SOURCE="rtsp://127.0.0.1:9/none")
    office.set(COMPOSE_PROFILES="demo,metrics", DOORBUS_METRICS_PORT=port)
    office.environment["DOCTOR_SECONDS"] = "5"
    said = await office.refused("scripts/up")
    page = await office.well("curl", "--silent", "--fail", f"http://127.0.0.1:{port}/metrics")
    await docker("build", "--quiet", "--tag", image, "--build-arg", "BASE=doorbus", "tests/compose/prometheus")
    mounts = ("-v", f"{office.folder}/deploy/prometheus:/etc/doorbus:ro")
    promtool = ("run", "--rm", "--network", "none", *mounts, "--entrypoint", "promtool", image)
    await docker(*promtool, "test", "rules", "/etc/doorbus/doorbus.rules.test.yaml")
    config = ("-v", f"{office.folder}/tests/compose/prometheus/prometheus.yml:/etc/prometheus.yml:ro")
    options = ("--config.file=/etc/prometheus.yml", "--storage.tsdb.path=/tmp/prometheus")
    await docker(
        *("run", "--detach", "--name", prometheus, "--network", f"{office.name}_default", *mounts, *config),
        *("--entrypoint", "prometheus", image, *options),
    )
    try:
        alerts = await _alerts(prometheus, lambda found: "capture" in found)
    finally:
        await docker("rm", "--force", prometheus)
    office.set(DOORBUS_CAPTURE__SOURCE="none", COMPOSE_PROFILES="demo", DOORBUS_METRICS_PORT=None)
    del office.environment["DOCTOR_SECONDS"]
    await office.well("scripts/up")

    assert "fail capture/capture: " in said
    assert 'doorbus_instance_problem{instance="capture",service="capture"} 1.0' in page
    assert alerts == {"capture": "DoorbusProblem"}


async def _alerts(prometheus: str, wanted: Callable[[Mapping[str, str]], bool]) -> Mapping[str, str]:
    """Which alert there is about which service, when it is as `wanted`."""
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9090/api/v1/alerts').read().decode())"
    async with asyncio.timeout(60):
        while True:
            with suppress(DockerError):  # it is not there yet
                told = json.loads(await docker("exec", prometheus, "python", "-c", ask))["data"]["alerts"]
                found = {one["labels"].get("service", "doorbus"): one["labels"]["alertname"] for one in told}
                if wanted(found):
                    return found
            await asyncio.sleep(0.5)


async def test_the_timer_renews_a_certificate_that_ends_soon_and_starts_anew_who_uses_it(office: Clone) -> None:
    unit = (REPOSITORY / "deploy/compose/doorbus-renew@.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    authority = Authority(Pair(*((office.secrets / name).read_text() for name in ("ca.crt", "authority/ca.key"))))
    late = authority.server(["localhost", "broker", "127.0.0.1"], datetime.now(UTC) - timedelta(days=LEAF_DAYS - 20))
    path = office.secrets / "broker/broker.crt"
    path.write_text(late.certificate)
    path.with_suffix(".key").write_text(late.key)
    await office.well("docker", "compose", "restart", "broker")
    soon, before = about(path.read_text()).until, await office.running()

    said = await office.well(command.replace("%f", str(office.folder)))

    after = await office.running()
    assert soon - datetime.now(UTC) < timedelta(days=21)
    assert about(path.read_text()).until - datetime.now(UTC) > timedelta(days=800)
    assert {name for name in after if after[name] != before[name]} == {"broker-1"}
    assert "they are well" in said
    await _lets_in(office, Role.VIEWER)


async def test_a_cameras_password_is_seen_by_nobody_but_capture_and_starts_no_lock_anew(office: Clone) -> None:
    before = await office.running()
    office.set(DOORBUS_CAPTURE__SOURCE="rtsp://admin@127.0.0.1:9/none", DOORBUS_CAPTURE__FPS="7")
    office.environment["DOCTOR_SECONDS"] = "5"
    said = await office.run("scripts/up")
    del office.environment["DOCTOR_SECONDS"]
    told = await office.well("scripts/secrets", "set", "capture", "DOORBUS_CAPTURE__PASSWORD", stdin=b"p4ssw0rd\n")
    after = await office.running()
    seen = {name: await docker("inspect", f"{office.name}-{name}") for name in sorted(after)}
    inside = await docker("exec", f"{office.name}-capture-1", "cat", "/run/settings/doorbus_capture__password")
    office.set(DOORBUS_CAPTURE__SOURCE="none", DOORBUS_CAPTURE__FPS=None)
    await office.well("scripts/up")

    assert "fail capture/capture: " in said.text
    assert {name for name in after if after[name] != before[name]} == {"capture-1"}
    assert "started anew, because of a file that they read: capture" in told
    assert inside == "p4ssw0rd"
    assert [name for name, text in seen.items() if "p4ssw0rd" in text] == []
    assert [name for name, text in seen.items() if "DOORBUS_CAPTURE__" in text] == ["capture-1"]
    assert [name for name, text in seen.items() if "DOORBUS_ACTUATOR__" in text] == ["actuator-1", "guardian-1"]
