"""A site in containers as the administrator of an office meets it, with `make up` and scripts/secrets alone."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorbus.local.stack import free_port
from doorbus.wire.channels import Role
from support.clone import Clone, cloned
from support.compose import docker
from support.door import doorstep

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, jpeg: dict[str, bytes]) -> AsyncIterator[Clone]:
    """A site that `make up` brought up, where obama is enrolled; each test leaves it well."""
    async with cloned(tmp_path_factory.mktemp("office")) as one:
        await one.well("scripts/up")
        async with doorstep(one) as door:
            assert (await door.enrol("obama", jpeg["obama"])).error is None
        yield one


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


async def test_certificates_of_clients_are_rotated_as_passwords_are(office: Clone) -> None:
    await office.well("scripts/secrets", "--client-certificates")
    office.set(COMPOSE_FILE="compose.yaml:deploy/compose/certificates.yaml")
    await office.well("scripts/up")

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
        clone.set(DOORBUS_TAG="closed", COMPOSE_PROFILES="")
        for path in clone.folder.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
        await clone.well("scripts/up")
        await _lets_in(clone, Role.VIEWER)


async def test_a_setting_that_is_wrong_leaves_the_door_as_it_was(office: Clone) -> None:
    before = await office.running()
    for setting, value in (("DOORBUS_ACTUATOR__THRESHOLD", "7"), ("DOORBUS_LISTENERS", "tsl")):
        office.set(**{setting: value})

        said = await office.refused("scripts/up")

        assert f"{setting}={value}" in said.splitlines()[-2]
        assert "What runs was left as it is." in said
        assert await office.running() == before
        office.set(**{setting: None})
    await office.well("scripts/up")
    assert await office.running() == before


async def test_up_tells_that_a_site_is_not_well_although_its_containers_are(office: Clone) -> None:
    path = office.secrets / "site.key"
    key = path.read_text()
    port = str(free_port())
    office.set(DOORBUS_CAPTURE__SOURCE="rtsp://127.0.0.1:9/none")
    office.set(COMPOSE_PROFILES="demo,metrics", DOORBUS_METRICS_PORT=port)
    unreachable = await office.refused("scripts/up")
    page = await office.well("curl", "--silent", "--fail", f"http://127.0.0.1:{port}/metrics")
    office.set(DOORBUS_CAPTURE__SOURCE="none", COMPOSE_PROFILES="demo", DOORBUS_METRICS_PORT=None)
    path.write_text("0" * 64 + "\n")
    wrong_key = await office.refused("scripts/up")
    path.write_text(key)

    assert 'doorbus_instance_problem{instance="capture",service="capture"} 1.0' in page
    assert "fail capture/capture: " in unreachable
    assert "fail recognizer/" in wrong_key
    for said in (unreachable, wrong_key):
        assert "the containers run, but not all is well" in said
    assert "All is well." in await office.well("scripts/up")


async def test_a_cameras_password_is_seen_by_nobody_but_capture_and_starts_no_lock_anew(office: Clone) -> None:
    before = await office.running()
    office.set(DOORBUS_CAPTURE__SOURCE="rtsp://admin@127.0.0.1:9/none", DOORBUS_CAPTURE__FPS="7")
    said = await office.run("scripts/up")
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


async def test_a_value_that_cannot_be_is_named_before_anything_is_touched(office: Clone) -> None:
    before = await office.running()
    for setting, value in {
        "DOORBUS_RECOGNIZERS": "many",
        "DOORBUS_RECOGNIZER_MEMORY": "lots",
        "COMPOSE_PROFILES": "dmeo",
        "DOORBUS_CAPTURE__FSP": "7",
        "DOORBUS_BROKER__PASSWORD": "wrong",
    }.items():
        kept = office.settings.get(setting)
        office.set(**{setting: value})
        said = await office.refused("scripts/up")
        office.set(**{setting: kept})
        assert setting in said.splitlines()[-1]
    assert await office.running() == before


async def test_what_is_no_longer_wanted_is_stopped_and_a_scale_is_kept(office: Clone) -> None:
    override = office.folder / "compose.override.yaml"
    override.write_text(
        "services:\n  capture-yard:\n    extends: {file: compose.yaml, service: capture}\n"
        "    environment: {DOORBUS_INSTANCE: yard, DOORBUS_CAPTURE__CAMERA: yard}\n"
    )
    await office.well("docker", "compose", "up", "--detach", "--scale", "recognizer=2")
    before = await office.running()
    assert {"capture-yard-1", "recognizer-2"} < set(before)
    override.unlink()
    office.set(COMPOSE_PROFILES="")
    said = await office.well("scripts/up")

    assert "no longer wanted, and stopped: actuator capture capture-yard guardian" in said
    assert set(await office.running()) == {"broker-1", "enroller-1", "recognizer-1", "recognizer-2"}
    office.set(COMPOSE_PROFILES="demo")
    await office.well("scripts/up", "--scale", "recognizer=1")
    assert {"actuator-1", "guardian-1", "capture-1", "recognizer-1"} < set(await office.running())


async def test_lack_of_memory_is_told_with_the_setting_that_gives_more(office: Clone) -> None:
    before = await office.running()
    office.set(DOORBUS_RECOGNIZER_MEMORY="48m")
    said = await office.refused("scripts/up")
    office.set(DOORBUS_RECOGNIZER_MEMORY=None)

    assert "killed for lack of memory; raise DOORBUS_RECOGNIZER_MEMORY=48m" in said
    assert await office.running() == before


async def test_a_door_and_a_camera_are_one_command_each_here_or_on_another_machine(office: Clone) -> None:
    await office.well("scripts/door", "add", "back")
    await office.well("scripts/camera", "add", "yard", "--door", "back", "--source", "none")
    twice = await office.refused("scripts/camera", "add", "yard", "--source", "none")
    source = "rtsp://admin:p%40ss@127.0.0.1:9/x"
    options = ("--door", "back", "--source", source, "--elsewhere", "--broker", "broker")
    script = await office.well("bash", "-c", f"scripts/camera add shed {' '.join(options)} 2>err || (cat err; exit 1)")
    # The other machine: a project of its own, which reaches the broker over the network of this one.
    shed = office.folder / "elsewhere" / "doorbus-capture-shed"
    shed.mkdir(parents=True)
    (shed / "compose.override.yaml").write_text(
        "services: {capture-shed: {environment: {DOORBUS_BROKER__PORT: '8883'}}}\n"
        f"networks: {{default: {{name: {office.name}_default, external: true}}}}\n"
    )
    await office.well("sh", "-c", f"cd {shed.parent} && exec sh", stdin=script.encode())
    said = await office.run("docker", "compose", "run", "--rm", "doorbus", "doctor")
    records = {
        door: await docker("exec", f"{office.name}-{name}-1", "cat", "relay.jsonl")
        for door, name in (("front", "actuator"), ("back", "actuator-back"))
    }
    told = await docker("inspect", "doorbus-capture-shed-capture-shed-1")
    await office.well("sh", "-c", f"cd {shed} && docker compose down --volumes")
    await office.well("scripts/secrets", "revoke", "capture-shed")
    await office.well("scripts/camera", "remove", "yard")
    await office.well("scripts/door", "remove", "back")
    left = await office.well("docker", "compose", "run", "--rm", "doorbus", "doctor")

    assert "back" not in left
    assert "yard" not in left
    assert not (office.folder / "compose.override.yaml").exists()
    assert "capture-yard: there is such a service" in twice
    assert all(f"ok   {one}: online" in said.text for one in ("actuator/actuator-back", "capture/capture-yard"))
    assert "fail capture/capture-shed: DOORBUS_CAPTURE__SOURCE=rtsp://127.0.0.1:9/x: cannot be opened" in said.text
    assert "ok   door back: LOCKED" in said.text
    for door, record in records.items():
        assert {json.loads(line)["door"] for line in record.splitlines()} == {door}
    assert "p@ss" not in told
    assert "p%40ss" not in told


async def test_a_lock_over_mqtt_is_moved_by_the_actuator_itself(office: Clone) -> None:
    office.set(
        COMPOSE_PROFILES="lock",
        DOORBUS_ACTUATOR__RELAY="mqtt",
        DOORBUS_ACTUATOR__LOCK_TOPIC="strike/front/set",
        DOORBUS_ACTUATOR__LOCK_UNLOCK="open",
        DOORBUS_ACTUATOR__LOCK_LOCK="shut",
        DOORBUS_ACTUATOR__LOCK_USERNAME="strike",
    )
    await office.well("scripts/secrets", "add", "strike", "--topic", "strike/#")
    password = (office.secrets / "users/strike").read_bytes()
    await office.well("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__LOCK_SECRET", stdin=password)

    said = await office.well("scripts/up")
    own = ("--set", "LOCK_TOPIC=strike/back/set", "--set", "UNLOCK_SECONDS=0.1")
    nowhere = await office.refused("scripts/door", "add", "back")
    await office.well("scripts/door", "add", "back", *own, "--set", "LOCK_SECRET=-", stdin=password)
    run = ("docker", "compose", "run", "--rm", "-T", "doorbus")
    async with (
        office.hearing("strike", "strike/front/set") as front,
        office.hearing("strike", "strike/back/set") as back,
    ):
        await office.well(*run, "unlock", "front")
        heard = [await front(), await front(), await front()]
        await office.well(*run, "unlock", "back")
        heard_back = [await back(), await back()]
    there = set(await office.running())
    await office.well("scripts/door", "remove", "back")
    office.set(COMPOSE_PROFILES="demo")
    forgotten = await office.refused("scripts/up")
    changed = [
        name for name in office.settings if name.startswith(("DOORBUS_ACTUATOR__LOCK_", "DOORBUS_ACTUATOR__RELAY"))
    ]
    office.set(**dict.fromkeys(changed))
    await office.well("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__LOCK_SECRET", stdin=b"\n")
    await office.well("scripts/secrets", "revoke", "strike")
    await office.well("scripts/up")

    assert "no longer wanted, and stopped: actuator guardian" in said
    assert {"actuator-lock-1", "actuator-back-1"} < there
    assert not [name for name in there if name.startswith("guardian")]
    assert heard == ["shut", "open", "shut"], "the broker was started anew for the new door"
    assert heard_back == ["open", "shut"]
    assert "RELAY=mqtt: which lock is at this door?" in nowhere
    assert "DOORBUS_ACTUATOR__RELAY=mqtt: the profile demo has another relay" in forgotten


async def test_a_second_door_by_hand_on_the_first_ones_volumes_opens_nothing_and_is_told_why(office: Clone) -> None:
    override = office.folder / "compose.override.yaml"
    door = "{extends: {file: compose.yaml, service: %s}, environment: {DOORBUS_ACTUATOR__DOOR: back%s}}"
    instance = ", DOORBUS_INSTANCE: back"
    override.write_text(
        f"services: {{guardian-back: {door % ('guardian', '')}, actuator-back: {door % ('actuator', instance)}}}\n"
    )
    before = await office.running()
    both = await office.refused("scripts/up")
    after = await office.running()
    override.write_text(f"services: {{actuator-back: {door % ('actuator', instance)}}}\n")
    alone = await office.refused("scripts/up")
    override.unlink()
    missed = await office.refused("scripts/up")
    for what in ("actuator/back", "door/back"):
        await office.well("scripts/forget", what)
    await office.well("scripts/up")

    assert (
        "guardian-back: DOORBUS_ACTUATOR__GUARDIAN=/run/guardian/socket: the guardian of door front listens there"
        in both
    )
    assert {name: after[name] for name in before} == before
    assert "fail actuator/back: relay: " in alone
    assert "/run/guardian/socket is of door front; back needs its own" in alone
    assert "scripts/forget door/back" in missed


async def test_what_containers_say_by_plain_docker_compose_fits_where_one_stands(office: Clone) -> None:
    run = ("docker", "compose", "run", "--rm", "-T")
    nobody = await office.refused(*run, "-e", "DOORBUS_BROKER__USERNAME=nobody", "doorbus", "doctor")
    wrong = await office.refused(*run, "--no-deps", "-v", "/dev/null:/run/secrets/signers:ro", "actuator")
    password = await office.refused(
        *run, "--no-deps", "-v", "/etc/hostname:/run/secrets/doorbus_broker__password:ro", "capture"
    )
    away = await office.refused(*run, "doorbus", "unlock", "nowhere", "--timeout", "1")
    await office.well("docker", "compose", "stop", "actuator", "enroller")
    left = await office.refused(*run, "doorbus", "doctor", "--seconds", "2")
    await office.well("scripts/up")

    for said in (nobody, wrong, password, away, left):
        assert not re.search(
            r"/run/secrets|/var/lib/doorbus/credentials|VAR/|make run|(?<!--rm )doorbus (doctor|enrol|forget)", said
        )
    assert "var/secrets/users/nobody does not exist" in nobody
    assert "DOORBUS_SIGNERS_FILE=var/secrets/signers" in wrong
    assert "var/secrets/users/capture" in password


async def test_a_container_ends_when_told_to_also_while_it_starts_and_a_recognizer_leaves_no_ghost(
    office: Clone,
) -> None:
    before = (await office.well("scripts/up")).count(" recognizer/")  # those that ended without a broker left a word
    for service in ("capture", "recognizer"):
        await office.well("docker", "compose", "restart", service)
        await office.well("docker", "compose", "stop", service)
        told = await docker("inspect", "--format", "{{.State.ExitCode}}", f"{office.name}-{service}-1")
        assert told != "137", "killed, because it had not heard SIGTERM"
    await office.well("docker", "compose", "up", "--detach", "--force-recreate", "--no-deps", "--wait", "recognizer")
    said = await office.well("scripts/up")

    assert said.count(" recognizer/") == before


async def test_a_backup_brings_everything_back_where_nothing_is_left(office: Clone, jpeg: dict[str, bytes]) -> None:
    async with doorstep(office) as door:
        await door.opens_for(jpeg["obama2"])
    settings, record = office.settings, office.relay_record()
    await office.well("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__COUNTRY", stdin=b"DE\n")
    (office.folder / "compose.override.yaml").write_text("services: {capture: {labels: {of: ours}}}\n")
    (office.folder / "passphrase").write_text("correct horse battery staple\n")
    (office.folder / "wrong").write_text("incorrect horse battery staple\n")
    office.environment["PASSPHRASE_FILE"] = "passphrase"
    await office.well("scripts/backup", "backup/one.doorbus")
    kept = (office.folder / "backup/one.doorbus").read_bytes()
    twice = await office.refused("scripts/restore", "backup/one.doorbus")
    key = (office.secrets / "site.key").read_text()

    await office.well("docker", "compose", "--profile", "*", "down", "--volumes")
    for gone in (".env", "compose.override.yaml"):
        (office.folder / gone).unlink()
    shutil.rmtree(office.secrets)
    office.environment["PASSPHRASE_FILE"] = "wrong"
    wrong = await office.refused("scripts/restore", "backup/one.doorbus")
    office.environment["PASSPHRASE_FILE"] = "passphrase"
    await office.well("scripts/restore", "backup/one.doorbus")
    del office.environment["PASSPHRASE_FILE"]

    async with doorstep(office) as door:
        await door.opens_for(jpeg["obama3"])
    assert key.strip().encode() not in kept
    assert (office.secrets / "site.key").read_text() == key
    assert (office.secrets / "settings/actuator/doorbus_actuator__country").read_text() == "DE\n"
    assert office.settings == settings
    assert office.relay_record().startswith(record)
    assert "ours" in await docker("inspect", "--format", "{{.Config.Labels.of}}", f"{office.name}-capture-1")
    assert ".env: there is a site here already" in twice
    assert "another passphrase, or damaged" in wrong
    (office.folder / "compose.override.yaml").unlink()


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
