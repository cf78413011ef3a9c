"""Recognizers of another model take the place of those that run, and nobody enrols again. Both models are real."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Models, ModelState, Verdict
from support.door import QUICK_ACTUATOR, Door, at_the_door
from support.programs import doorbus

OURS, DLIB = "MobileFaceNet", "Dlib"
RUN = {model: {"DOORBUS_RECOGNIZER__MODEL": model} for model in (OURS, DLIB)}
pytestmark = pytest.mark.timeout(300)  # several starts of processes each


@pytest.fixture(autouse=True)
def _dlib(weights: Path) -> None:
    pytest.importorskip("dlib")
    if not (weights / ".deepface/weights/dlib_face_recognition_resnet_model_v1.dat").exists():
        pytest.skip("weights of the group dlib are not fetched")


async def states(site: Stack, holds: Callable[[dict[str, ModelState]], bool]) -> dict[str, ModelState]:
    """What is told of the models, by name, as soon as that holds."""
    async with connect(site.broker.transport(Role.OPERATOR), [channels.MODELS]) as client, asyncio.timeout(60):
        while True:
            told: Models = (await client.expect(channels.MODELS)).message
            found = {one.model.partition("@")[0]: one for one in told.models}
            if holds(found):
                return found


async def recognised_by_both(door: Door, jpeg: bytes, person: str) -> None:
    """Wait until recognizers of either model see somebody at the door."""
    viewer, waiting = door.stack.broker.transport(Role.VIEWER), {OURS, DLIB}
    async with connect(viewer, [channels.RECOGNITION]) as client, asyncio.timeout(60), door.showing(jpeg):
        while waiting:
            seen = (await client.expect(channels.RECOGNITION)).message
            if (seen.faces[0].verdict, seen.faces[0].person) == (Verdict.MATCH, person):
                waiting.discard(seen.model.partition("@")[0])


async def test_the_door_opens_throughout_a_rolling_change_of_the_model(
    own_door: Door, fresh_stack: Stack, jpeg: dict[str, bytes]
) -> None:
    door, resident = own_door, jpeg["obama2"]
    for name in ("obama2", "obama3"):
        assert (await door.enrol("obama", jpeg[name])).error is None
    await fresh_stack.stop_service(Role.ENROLLER)
    await fresh_stack.start(Role.ENROLLER, {"DOORBUS_ENROLLER__RETIRE_SECONDS": "14"})
    await door.opens_for(resident)

    await fresh_stack.start(Role.RECOGNIZER, RUN[DLIB], instance="second")
    both = await states(fresh_stack, lambda told: DLIB in told and told[DLIB].published)
    assert (both[OURS].leading, both[OURS].recognizers, both[OURS].samples) == (True, ("recognizer",), 3)
    assert (both[DLIB].leading, both[DLIB].recognizers, both[DLIB].people) == (False, ("second",), 1)
    assert (both[DLIB].samples, both[DLIB].left, both[DLIB].again_count) == (3, 0, 0)
    await door.opens_for(resident)
    await recognised_by_both(door, resident, "obama")

    # Who is enrolled now is known to both, and who is removed to neither.
    assert (await door.enrol("biden", jpeg["biden"])).error is None
    await states(fresh_stack, lambda told: told[DLIB].people == 2 and not told[DLIB].left)
    await recognised_by_both(door, jpeg["biden"], "biden")
    status, told = await doorbus(fresh_stack, "models")
    assert status == 0, told
    assert "leads" in told
    assert "beside" in told

    await fresh_stack.stop_service(Role.RECOGNIZER)
    await door.opens_for(resident)
    led = await states(fresh_stack, lambda told: told[DLIB].leading)
    assert led[OURS].published
    await door.opens_for(resident)
    assert (await door.enrol("obama", jpeg["obama_partial_face2"])).error is None
    alone = await states(fresh_stack, lambda told: OURS not in told)
    assert (alone[DLIB].people, alone[DLIB].samples) == (2, 5)
    await door.opens_for(resident)

    await fresh_stack.stop_service(Role.ENROLLER)
    await fresh_stack.start(Role.ENROLLER)
    await door.opens_for(resident)


async def test_who_was_enrolled_without_a_kept_face_is_named(
    own_door: Door, fresh_stack: Stack, jpeg: dict[str, bytes]
) -> None:
    await fresh_stack.stop_service(Role.ENROLLER)
    await fresh_stack.start(Role.ENROLLER, {"DOORBUS_ENROLLER__KEEP_FACES": "false"})
    assert (await own_door.enrol("biden", jpeg["biden"])).error is None
    await fresh_stack.start(Role.RECOGNIZER, RUN[DLIB], instance="second")
    found = await states(fresh_stack, lambda told: DLIB in told and told[DLIB].published)

    assert (found[DLIB].again, found[DLIB].samples) == (("biden",), 1)
    status, told = await doorbus(fresh_stack, "models")
    assert status == 1
    assert "enrol again, as no face of a sample is kept, or none is found on it: biden" in told
    await own_door.opens_for(jpeg["obama2"])


async def test_whoever_was_exported_is_let_in_at_a_site_that_goes_by_another_model(
    door: Door, living: Stack, fresh_stack: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    await door.until_locked()
    file, passphrase = tmp_path / "people.doorbus", tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    assert (await doorbus(living, "export", file, "--passphrase-file", passphrase))[0] == 0
    await fresh_stack.broker.start()
    for role, environment in (
        (Role.ENROLLER, {}),
        (Role.RECOGNIZER, RUN[DLIB]),
        (Role.ACTUATOR, QUICK_ACTUATOR),
    ):
        await fresh_stack.start(role, environment)
    async with at_the_door(fresh_stack) as elsewhere:
        assert (await elsewhere.enrol("biden", jpeg["biden"])).error is None
        status, said = await doorbus(fresh_stack, "restore", file, "--passphrase-file", passphrase)
        assert (status, "are back" in said) == (0, True)  # with obama whomever other tests have left at the living site
        await elsewhere.opens_for(jpeg["obama"])
        assert (await states(fresh_stack, lambda told: DLIB in told)).keys() == {DLIB}
