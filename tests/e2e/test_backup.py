"""`doorbus export` and `doorbus restore` as a person runs them: nobody enrols again at another site."""

import asyncio
from pathlib import Path

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Verdict
from support.door import Door, at_the_door
from support.programs import doorbus

PASSPHRASE = "correct horse battery\n"


async def test_who_is_enrolled_at_one_site_is_known_at_another_with_a_key_of_its_own(
    door: Door, living: Stack, fresh_stack: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    await door.until_locked()
    file, passphrase = tmp_path / "people.doorbus", tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    known = ("--passphrase-file", passphrase)

    status, told = await doorbus(living, "export", file, *known)
    assert (status, told) == (0, f"{file}: 1 people; keep it and its passphrase apart\n")
    assert await doorbus(living, "export", tmp_path / "not", *known, "--as", "operator", "--timeout", "1") == (
        2,
        "no answer within 1 s; is the enroller running, and may this user ask (role admin)? doorbus doctor\n",
    )
    assert not (tmp_path / "not").exists()

    await fresh_stack.broker.start()
    for role in (Role.ENROLLER, Role.RECOGNIZER):
        await fresh_stack.start(role, {})
    keys = {(site.var / "credentials" / "site.key").read_text() for site in (living, fresh_stack)}
    assert len(keys) == 2
    passphrase.write_text("something else\n")
    assert await doorbus(fresh_stack, "restore", file, *known) == (1, f"{file}: another passphrase, or damaged\n")
    passphrase.write_text(PASSPHRASE)
    assert await doorbus(fresh_stack, "restore", file, *known) == (0, "1 people are back; 1 are here\n")

    async with (
        connect(fresh_stack.broker.transport(Role.VIEWER), [channels.RECOGNITION]) as viewer,
        at_the_door(fresh_stack) as elsewhere,
        asyncio.timeout(20),
        elsewhere.showing(jpeg["obama2"]),
    ):
        while (face := (await viewer.expect(channels.RECOGNITION)).message.faces[0]).verdict is not Verdict.MATCH:
            pass
    assert face.person == "obama"
