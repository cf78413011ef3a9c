"""What an administrator keeps of a site in containers, and the way back."""

import shutil
from pathlib import Path

import pytest

from support.clone import Clone, cloned
from support.compose import docker
from support.door import doorstep

pytestmark = pytest.mark.timeout(900)


async def test_docker_alone_enrols_from_the_image_and_from_standard_input(
    office: Clone, jpeg: dict[str, bytes]
) -> None:
    run = ("docker", "compose", "run", "--rm", "-T", "doorbus")

    kept = await office.well(*run, "enrol", "obama", "/usr/share/doorbus/samples/obama.jpg")
    given = await office.well(*run, "enrol", "biden", "-", stdin=jpeg["biden"])
    await office.well(*run, "remove", "biden")

    assert "ok obama has" in kept
    assert "-: ok biden has 1 sample" in given


async def test_an_upgrade_that_does_not_work_has_a_way_back(office: Clone) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "this version")):
        await office.well(*git, *words)
    path, before = office.folder / "mosquitto/mosquitto.conf", await office.running()
    works = path.read_text()
    path.write_text(works + "no_such_word true\n")
    await office.well(*git, "commit", "--quiet", "--all", "--message", "a version that does not work")
    await office.well(*git, "branch", "newer")
    await office.well(*git, "checkout", "--quiet", "HEAD~1")
    (office.folder / ".env").write_text((office.folder / ".env").read_text() + "# mine\n")

    said = await office.refused("scripts/upgrade", "newer")
    await office.well("scripts/upgrade", "--back")

    assert "a version that does not work" in said
    assert "scripts/upgrade --back" in said.splitlines()[-1]
    assert path.read_text() == works
    assert (office.folder / ".env").read_text().endswith("# mine\n")
    assert set(await office.running()) == set(before)
    people = await office.well("docker", "compose", "run", "--rm", "-T", "doorbus", "people")
    assert "obama" in people
    shutil.rmtree(office.folder / ".git")


async def test_a_backup_brings_everything_back_on_a_machine_that_never_had_any_of_it(
    office: Clone, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    async with doorstep(office) as door:
        await door.opens_for(jpeg["obama2"])
    settings, record = office.settings, office.relay_record()
    await office.well("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__COUNTRY", stdin=b"DE\n")
    (office.folder / "compose.override.yaml").write_text("services: {capture: {labels: {of: ours}}}\n")
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    (tmp_path / "wrong").write_text("incorrect horse battery staple\n")
    office.environment["PASSPHRASE_FILE"] = str(tmp_path / "passphrase")
    kept = tmp_path / "one.doorbus"
    await office.well("scripts/backup", str(kept))
    twice = await office.refused("scripts/restore", str(kept))
    del office.environment["PASSPHRASE_FILE"]
    key = (office.secrets / "site.key").read_text()
    await office.well("docker", "compose", "down")

    async with cloned(tmp_path / "fresh") as fresh:
        (fresh.folder / ".env").unlink()
        fresh.environment |= {"COMPOSE_PROJECT_NAME": fresh.name, "DOORBUS_TLS_PORT": str(fresh.port)}
        wrong = await fresh.refused("env", f"PASSPHRASE_FILE={tmp_path}/wrong", "scripts/restore", str(kept))
        nothing = [path for path in (fresh.folder / ".env", fresh.secrets / "site.key") if path.exists()]
        await fresh.well("env", f"PASSPHRASE_FILE={tmp_path}/passphrase", "scripts/restore", str(kept))
        fresh.environment.clear()
        await fresh.well("docker", "compose", "up", "--detach", "--wait")

        async with doorstep(fresh) as door:
            await door.opens_for(jpeg["obama3"])
        assert (fresh.secrets / "site.key").read_text() == key
        assert (fresh.secrets / "settings/actuator/doorbus_actuator__country").read_text() == "DE\n"
        own = {"COMPOSE_PROJECT_NAME": fresh.name, "DOORBUS_TLS_PORT": str(fresh.port)}
        assert fresh.settings == {**settings, **own}
        assert fresh.relay_record().startswith(record)
        assert len(fresh.relay_record()) > len(record)
        assert "ours" in await docker("inspect", "--format", "{{.Config.Labels.of}}", f"{fresh.name}-capture-1")
    (office.folder / "compose.override.yaml").unlink()
    await office.well("scripts/up")

    assert key.strip().encode() not in kept.read_bytes()
    assert nothing == []
    assert ".env: there is a site here already" in twice
    assert "another passphrase, or damaged" in wrong
