"""The calls of other programs, as their clients make them."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    ErrorCode,
    Face,
    Fault,
    Frame,
    LockState,
    Recognised,
    Recognition,
    Result,
    ResultStatus,
    RosterEntry,
    Verdict,
    utc,
)
from doorbus.wire.packet import Packet
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS
from doorbus_console.names import free_id
from doorbus_console.rights import Scope
from doorbus_console.settings import COMPATIBLE, Console
from support.console import Desktop, console

ALICE = Face(box=(100, 50, 40, 60), verdict=Verdict.MATCH, person="alice", confidence=0.97, quality=0.9)
STRANGER = Face(box=(10, 20, 30, 40), verdict=Verdict.UNKNOWN, confidence=0.1, quality=0.5)
PORCH = {"door": "front", "camera": "porch"}
CALLS = {
    "arsfutura": [("POST", "/unlock"), ("POST", "/face-recognition"), ("GET", "/stream.mjpg")],
    "moreillon": [
        *(("GET", "/users"), ("POST", "/users"), ("GET", "/users/alice"), ("PATCH", "/users/alice")),
        *(("DELETE", "/users/alice"), ("GET", "/users/alice/image"), ("POST", "/recognize")),
    ],
    "facerec": [
        *(("GET", "/motion-detected"), ("GET", "/last-detection.jpg"), ("GET", "/recognize")),
        ("GET", "/add-face/Alice"),
    ],
    "compreface": [("POST", "/api/v1/recognition/recognize")],
    "doubletake": [("GET", "/api/recognize"), ("POST", "/api/recognize/upload")],
}


@pytest.fixture
async def desktop(tmp_path: Path, jpeg: dict[str, bytes]) -> AsyncIterator[Desktop]:
    """A console that takes all calls, at a site where alice is enrolled and a camera shows obama."""
    async with console(tmp_path, Console(compat="true", answer_seconds=0.2, enrol_seconds=1.0)) as one:
        say(one, channels.LOCK_STATE, LockState.LOCKED, {"door": "front"})
        packed = pack([RosterEntry(person="alice", name="Alice")], version=1)
        for index, shard in enumerate(packed.shards):
            say(one, channels.ROSTER_SHARD, shard, {"shard": str(index)})
        say(one, channels.ROSTER_MANIFEST, packed.manifest, {})
        frame = Frame(jpeg=jpeg["obama"], frame_id="one", captured_at=one.clock.now())
        say(one, channels.FRAME, frame, PORCH)
        async with asyncio.timeout(5):
            while "alice" not in one.site.live.scene.people or one.site.live.picture(("front", "porch")) is None:
                await one.settled()
        yield one


def say(one: Desktop, channel: Channel[Any], message: object, ids: dict[str, str]) -> None:
    one.bus.publish(Outbound(channel, message, ids).packet(DEFAULT_TOPICS))


async def heard(one: Desktop, channel: Channel[Any], after: int = 0, **ids: str) -> Packet:
    """The next request on a channel, after so many."""
    topic = DEFAULT_TOPICS.topic(channel, **ids)
    async with asyncio.timeout(5):
        while len(found := [packet for packet in one.bus.log if packet.topic == topic]) <= after:
            await one.settled()
    return found[after]


def reply(one: Desktop, request: Packet, message: Result | Recognised) -> None:
    assert request.response_topic is not None
    payload = message.model_dump_json(exclude_none=True).encode()
    one.bus.publish(Packet(request.response_topic, payload, qos=1, correlation=request.correlation))


async def seeing(
    one: Desktop, call: Awaitable[httpx.Response], *faces: Face, error: ErrorCode | None = None, after: int = 0
) -> tuple[httpx.Response, bytes]:
    """What is answered to a call when a recognizer sees these faces, and the picture that it was shown."""
    asked = asyncio.ensure_future(call)
    request = await heard(one, channels.RECOGNISE_REQUEST, after)
    reply(one, request, Recognised(model="m", faces=faces, error=error))
    return await asked, request.payload


async def kept(
    one: Desktop, call: Awaitable[httpx.Response], *requests: tuple[Channel[Any], str], error: ErrorCode | None = None
) -> tuple[httpx.Response, list[Packet]]:
    """What is answered to a call when the enroller does as it is asked, and what that was."""
    asked, packets = asyncio.ensure_future(call), []
    for channel, person in requests:
        packets.append(await heard(one, channel, person=person))
        fault = None if error is None else Fault(code=error, message="as it was found")
        status = ResultStatus.OK if error is None else ResultStatus.ERROR
        at = one.clock.now()
        result = Result(status=status, action=channel.name, person=person, at=at, samples=1, error=fault)
        reply(one, packets[-1], result)
    return await asked, packets


# Whoever calls.


@pytest.mark.parametrize("program", COMPATIBLE)
async def test_each_programs_calls_are_there_only_where_they_are_switched_on(tmp_path: Path, program: str) -> None:
    statuses = {}
    async with console(tmp_path, Console(compat=program)) as desktop, desktop.stranger() as stranger:
        for name, calls in CALLS.items():
            for method, path in calls:
                statuses[name, method, path] = (await stranger.request(method, path)).status_code

    on = {status for (name, *_), status in statuses.items() if name == program}
    off = {status for (name, *_), status in statuses.items() if name != program}
    assert on == {401}
    assert off <= {303, 404, 405}
    assert 401 not in off


@pytest.mark.parametrize(("method", "path"), [call for calls in CALLS.values() for call in calls])
async def test_no_call_is_taken_without_a_token_with_too_little_or_with_a_browsers_session(
    desktop: Desktop, method: str, path: str
) -> None:
    async with desktop.stranger() as stranger, desktop.program() as program, desktop.browser() as browser:
        answers = [await one.request(method, path) for one in (stranger, program, browser)]
        wrong = await stranger.request(method, path, params={"token": "doorbus_wrong"})

    assert [one.status_code for one in answers] == [401, 403, 401]
    assert wrong.status_code == 401
    assert answers[0].json()["message"] == "send a token"
    assert "basic" in answers[0].headers["www-authenticate"].lower()


async def test_a_token_is_taken_in_any_of_the_ways_that_clients_know(desktop: Desktop) -> None:
    async with desktop.program(Scope.READ) as program, desktop.stranger() as stranger:
        secret = program.headers["Authorization"].removeprefix("Bearer ")
        answers = [
            await program.get("/users"),
            await stranger.get("/users", auth=("anybody", secret)),
            await stranger.get("/users", params={"token": secret}),
            await stranger.get("/users", headers={"X-Api-Key": secret}),
            await stranger.get("/users", headers={"Authorization": secret}),
        ]

    assert [one.status_code for one in answers] == [200] * 5


@pytest.mark.parametrize(
    ("trusted", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.0.0.0/8, 127.0.0.0/24", {}, 200),
        ("192.168.1.0/24", {}, 401),
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("127.0.0.1", {"Origin": "http://evil.example"}, 403),
    ],
)
async def test_a_trusted_address_goes_without_a_token_unless_another_site_sends_it(
    tmp_path: Path, trusted: str, headers: dict[str, str], status: int
) -> None:
    async with console(tmp_path, Console(compat="true", trusted=trusted)) as desktop, desktop.stranger() as stranger:
        users = await stranger.get("/users", headers=headers)
        api = await stranger.get("/api/v1/doors", headers=headers)

    assert users.status_code == status
    assert api.status_code == 401


# Ars Futura.


async def test_arsfuturas_unlock_is_accepted_and_sends_a_dated_command(desktop: Desktop) -> None:
    async with desktop.program(Scope.UNLOCK) as program:
        accepted = await program.post("/unlock")
    command = json.loads((await heard(desktop, channels.LOCK_COMMAND, door="front")).payload)

    assert accepted.status_code == 202
    assert (command["action"], command["by"]) == ("UNLOCK", "token program")
    assert {"id", "issued_at"} <= set(command)


async def test_arsfuturas_face_recognition_answers_in_its_words(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    files = {"image": ("x.jpg", jpeg["obama"])}
    async with desktop.program(Scope.RECOGNISE) as program:
        plain, shown = await seeing(desktop, program.post("/face-recognition", files=files), ALICE, STRANGER)
        wish = {"include_predictions": "true"}
        every, _ = await seeing(desktop, program.post("/face-recognition", files=files, data=wish), ALICE, after=1)
        nobody, _ = await seeing(desktop, program.post("/face-recognition", files=files), after=2)
        none = await program.post("/face-recognition", data={"include_predictions": "true"})

    alice = {"label": "alice", "name": "Alice", "id": "alice", "confidence": 0.97}
    stranger = {"label": "unknown", "name": "unknown", "id": None, "confidence": 0.1}
    assert shown == jpeg["obama"]
    assert plain.json() == {
        "faces": [
            {
                "top_prediction": alice,
                "bounding_box": {"left": 100, "top": 50, "right": 140, "bottom": 110},
                "all_predictions": None,
            },
            {
                "top_prediction": stranger,
                "bounding_box": {"left": 10, "top": 20, "right": 40, "bottom": 60},
                "all_predictions": None,
            },
        ]
    }
    assert every.json()["faces"][0]["all_predictions"] == [alice]
    assert nobody.json() == {"faces": []}
    assert (none.status_code, none.json()["message"]) == (400, "there is no file image in the request")


async def test_a_picture_that_cannot_be_read_is_told_from_one_with_nobody(desktop: Desktop) -> None:
    async with desktop.program(Scope.RECOGNISE) as program:
        call = program.post("/face-recognition", files={"image": ("x.jpg", b"\xff\xd8\xff no picture")})
        refused, _ = await seeing(desktop, call, error=ErrorCode.NOT_A_PICTURE)

    assert (refused.status_code, refused.json()["code"]) == (422, "not_a_picture")


# Moreillon.


async def test_moreillons_users_are_those_of_the_roster(desktop: Desktop) -> None:
    async with desktop.program(Scope.READ) as program:
        every = (await program.get("/users")).json()
        slashed = (await program.get("/users/")).json()
        alice = (await program.get("/users/alice")).json()
        nobody = await program.get("/users/bob")
        odd = await program.get("/users/No%20Slug")

    assert every == slashed == [{"_id": {"$oid": "alice"}, "name": "Alice", "image": "alice.jpg"}]
    assert alice == every[0]
    assert [one.status_code for one in (nobody, odd)] == [404, 404]
    assert nobody.json()["detail"] == "user bob: not found"


async def test_moreillons_new_user_is_enrolled_under_an_id_of_their_own(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    async with desktop.program(Scope.PEOPLE, Scope.READ) as program:
        call = program.post("/users", files={"image": ("x.jpg", jpeg["biden"])}, data={"name": "Alice"})
        made, requests = await kept(desktop, call, (channels.ENROL, "alice-2"), (channels.UPDATE, "alice-2"))
        nameless = await program.post("/users", files={"image": ("x.jpg", jpeg["biden"])})
        pictureless = await program.post("/users", data={"name": "Bob"})

    assert made.json() == {"_id": "alice-2"}
    assert requests[0].payload == jpeg["biden"]
    assert json.loads(requests[1].payload) == {"name": "Alice"}
    assert (nameless.status_code, pictureless.status_code) == (422, 400)


async def test_moreillons_new_user_without_a_face_is_refused_and_gets_no_name(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        call = program.post("/users", files={"image": ("x.jpg", jpeg["biden"])}, data={"name": "Bob"})
        refused, _ = await kept(desktop, call, (channels.ENROL, "bob"), error=ErrorCode.NO_FACE)

    assert (refused.status_code, refused.json()["code"]) == (422, "no_face")
    assert not [packet for packet in desktop.bus.log if packet.topic.endswith("bob/update")]


@pytest.mark.parametrize("way", ["json", "data"])
async def test_moreillons_user_gets_another_name(desktop: Desktop, way: str) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        call = (
            program.patch("/users/alice", json={"name": "Alix"})
            if way == "json"
            else program.patch("/users/alice", data={"name": "Alix"})
        )
        changed, requests = await kept(desktop, call, (channels.UPDATE, "alice"))
        nothing = await program.patch("/users/alice", json=["name"])

    assert json.loads(requests[0].payload) == {"name": "Alix"}
    assert changed.json()["name"] == "Alix"
    assert nothing.status_code == 422


async def test_moreillons_user_is_deleted(desktop: Desktop) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        gone, requests = await kept(desktop, program.delete("/users/alice"), (channels.REMOVE, "alice"))
        nobody = await program.delete("/users/bob")

    assert gone.json() == {"_id": "alice"}
    assert requests[0].payload == b""
    assert nobody.status_code == 404


async def test_moreillons_image_is_the_face_that_was_seen_last_and_goes_with_the_person(
    desktop: Desktop,
) -> None:
    async with desktop.program(Scope.READ) as program:
        before = await program.get("/users/alice/image")
        now = desktop.clock.now()
        seen = Recognition(
            frame_id="one", captured_at=now, recognized_at=now, recognizer="r", model="m", faces=(ALICE,)
        )
        say(desktop, channels.RECOGNITION, seen, PORCH)
        await desktop.settled()
        after = await program.get("/users/alice/image")
    desktop.site.live.forget_portraits(())

    assert before.status_code == 404
    with Image.open(io.BytesIO(after.content)) as image:
        assert image.format == "JPEG"
        assert image.size == (76, 96)
    assert desktop.site.live.portrait("alice") is None


async def test_moreillons_recognize_is_the_user_or_400_or_404(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    files = {"image": ("x.jpg", jpeg["obama"])}
    async with desktop.program(Scope.RECOGNISE) as program:
        found, _ = await seeing(desktop, program.post("/recognize", files=files), STRANGER, ALICE)
        unknown, _ = await seeing(desktop, program.post("/recognize", files=files), STRANGER, after=1)
        nobody, _ = await seeing(desktop, program.post("/recognize", files=files), after=2)

    assert (found.json()["_id"], found.json()["name"]) == ({"$oid": "alice"}, "Alice")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "No match found")
    assert (nobody.status_code, nobody.json()["detail"]) == (400, "Invalid image")


# ha-facerec.


async def test_facerec_looks_now_and_keeps_what_it_saw_with_boxes(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    async with desktop.program(Scope.RECOGNISE) as program:
        before = await program.get("/last-detection.jpg")
        looked, shown = await seeing(desktop, program.get("/motion-detected"), ALICE, STRANGER)
        after = await program.get("/last-detection.jpg")

    assert before.status_code == 404
    assert (looked.status_code, shown) == (200, jpeg["obama"])
    with Image.open(io.BytesIO(after.content)) as drawn, Image.open(io.BytesIO(jpeg["obama"])) as plain:
        assert drawn.size == plain.size
        red, green, _ = drawn.convert("RGB").getpixel((100, 80))  # type: ignore[misc]  # of an RGB image
        assert green > red + 60
    assert after.headers["content-type"] == "image/jpeg"


async def test_facerecs_recognize_is_a_picture_and_keeps_nothing(desktop: Desktop) -> None:
    async with desktop.program(Scope.RECOGNISE) as program:
        drawn, _ = await seeing(desktop, program.get("/recognize"), ALICE)
        last = await program.get("/last-detection.jpg")

    assert drawn.content.startswith(b"\xff\xd8\xff")
    assert last.status_code == 404


async def test_facerec_says_so_when_the_camera_shows_nothing_of_late(desktop: Desktop) -> None:
    desktop.clock.advance(60)
    async with desktop.program(Scope.RECOGNISE, Scope.PEOPLE) as program:
        answers = [await program.get(path) for path in ("/motion-detected", "/recognize", "/add-face/Bob")]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(503, "no_frame")] * 3


async def test_facerec_adds_the_face_before_the_camera(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        call = program.get("/add-face/Bob")
        added, requests = await kept(desktop, call, (channels.ENROL, "bob"), (channels.UPDATE, "bob"))

    assert (added.status_code, added.text) == (200, "OK")
    assert requests[0].payload == jpeg["obama"]
    assert json.loads(requests[1].payload) == {"name": "Bob"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ErrorCode.NO_FACE, "No faces detected"),
        (ErrorCode.SEVERAL_FACES, "Multiple faces"),
        (ErrorCode.BLURRED, "as it"),
    ],
)
async def test_facerec_adds_no_face_where_there_is_none_or_several(
    desktop: Desktop, error: ErrorCode, words: str
) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        refused, _ = await kept(desktop, program.get("/add-face/bob"), (channels.ENROL, "bob"), error=error)

    assert refused.status_code == 422
    assert refused.text.startswith(words)


@pytest.mark.parametrize("name", ["no-letters", "a%20b", "%C3%A9", "a.b", "x" * 65])
async def test_facerec_takes_letters_and_digits_only(desktop: Desktop, name: str) -> None:
    async with desktop.program(Scope.PEOPLE) as program:
        refused = await program.get(f"/add-face/{name}")

    assert (refused.status_code, refused.text) == (400, "Invalid name provided for training sample.")


# CompreFace.


async def test_comprefaces_recognize_answers_in_its_words(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    files, path = {"file": ("x.jpg", jpeg["obama"])}, "/api/v1/recognition/recognize"
    async with desktop.program(Scope.RECOGNISE) as program:
        found, _ = await seeing(desktop, program.post(path, files=files), ALICE, STRANGER)
        nobody, _ = await seeing(desktop, program.post(path, files=files), after=1)

    alices = {"probability": 0.9, "x_min": 100, "y_min": 50, "x_max": 140, "y_max": 110}
    strangers = {"probability": 0.5, "x_min": 10, "y_min": 20, "x_max": 40, "y_max": 60}
    assert found.json() == {
        "result": [
            {"box": alices, "subjects": [{"subject": "alice", "similarity": 0.97}]},
            {"box": strangers, "subjects": []},
        ]
    }
    assert nobody.status_code == 400
    assert nobody.json() == {"message": "No face is found in the given image", "code": 28}


@pytest.mark.parametrize(
    ("wish", "widths"),
    [({}, [40, 30]), ({"limit": "1"}, [40]), ({"limit": "0"}, [40, 30]), ({"det_prob_threshold": "0.8"}, [40])],
)
async def test_compreface_tells_of_the_largest_faces_first_and_of_as_many_as_are_asked_for(
    desktop: Desktop, jpeg: dict[str, bytes], wish: dict[str, str], widths: list[int]
) -> None:
    path, sent = "/api/v1/recognition/recognize", {"file": base64.b64encode(jpeg["obama"]).decode()}
    async with desktop.program(Scope.RECOGNISE) as program:
        found, shown = await seeing(desktop, program.post(path, params=wish, json=sent), STRANGER, ALICE)

    assert shown == jpeg["obama"]
    assert [one["box"]["x_max"] - one["box"]["x_min"] for one in found.json()["result"]] == widths


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"json": {"file": "no base64!"}}, 400),
        ({"json": ["file"]}, 400),
        ({"json": {"file": 7}}, 400),
        ({"data": {"limit": "1"}}, 400),
        ({"json": {"file": "AAAA"}}, 422),
        ({"json": {"file": "AAAA"}, "params": {"limit": "many"}}, 422),
    ],
)
async def test_what_compreface_could_not_recognise_is_refused_with_a_message(
    desktop: Desktop, call: dict[str, Any], status: int
) -> None:
    async with desktop.program(Scope.RECOGNISE) as program:
        refused = await program.post("/api/v1/recognition/recognize", **call)

    assert refused.status_code == status
    assert refused.json()["message"]


# Double Take.


async def test_double_takes_recognize_is_what_the_named_camera_sees_now(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    address = {"url": "http://127.0.0.1:1/latest.jpg", "camera": "porch", "results": "best", "attempts": "1"}
    sure = ALICE.model_copy(update={"confidence": 0.98765, "box": (0, 0, 9, 9)})
    async with desktop.program(Scope.RECOGNISE) as program:
        call = program.get("/api/recognize", params=address)
        found, shown = await seeing(desktop, call, ALICE, sure, STRANGER)
        elsewhere = await program.get("/api/recognize", params={**address, "camera": "garage"})

    document = found.json()
    alice = {"name": "alice", "confidence": 98.77, "match": True, "box": {"top": 0, "left": 0, "width": 9, "height": 9}}
    more = {"type": "manual", "duration": 0.0, "detector": "doorbus", "filename": None, "base64": None}
    box = {"top": 20, "left": 10, "width": 30, "height": 40}
    assert shown == jpeg["obama"]
    assert document.pop("id")
    assert document == {
        "duration": 0.0,
        "timestamp": utc(desktop.clock.now()),
        "attempts": 1,
        "camera": "porch",
        "zones": [],
        "counts": {"person": 3, "match": 1, "miss": 0, "unknown": 2},
        "matches": [{**alice, **more}],
        "misses": [],
        "unknowns": [{"name": "unknown", "confidence": 10.0, "match": False, "box": box, **more}],
    }
    assert elsewhere.status_code == 400
    assert "no url is fetched" in elsewhere.json()["message"]


async def test_double_takes_upload_says_that_it_worked_and_who_it_is(desktop: Desktop, jpeg: dict[str, bytes]) -> None:
    files = {"files[]": ("x.jpg", jpeg["biden"])}
    async with desktop.program(Scope.RECOGNISE) as program:
        found, shown = await seeing(desktop, program.post("/api/recognize/upload", files=files), ALICE)
        none = await program.post("/api/recognize/upload", data={"camera": "porch"})

    assert shown == jpeg["biden"]
    assert (found.json()["success"], found.json()["camera"]) == (True, "manual")
    assert [one["name"] for one in found.json()["matches"]] == ["alice"]
    assert none.status_code == 400


async def test_the_api_says_who_is_on_a_picture_and_no_door_hears_of_it(
    desktop: Desktop, jpeg: dict[str, bytes]
) -> None:
    headers = {"Content-Type": "image/jpeg"}
    async with desktop.program(Scope.RECOGNISE) as program:
        call = program.post("/api/v1/recognise", content=jpeg["obama"], headers=headers)
        found, _ = await seeing(desktop, call, ALICE)
        silent = await program.post("/api/v1/recognise", content=jpeg["obama"], headers=headers)

    (face,) = found.json()["faces"]
    assert (face["person"], face["name"], face["verdict"], face["box"]) == ("alice", "Alice", "match", list(ALICE.box))
    assert (silent.status_code, silent.json()["code"]) == (504, "no_answer")
    assert not [packet for packet in desktop.bus.log if packet.topic.startswith("doorbus/v1/door/front/recognition")]


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [("Bob", (), "bob"), ("Bob", ("bob", "bob-2"), "bob-3"), ("Weiß", (), "weiss"), ("???", (), None)],
)
def test_an_id_that_is_free_is_made_of_a_name(name: str, taken: tuple[str, ...], expected: str | None) -> None:
    assert free_id(name, taken) == expected
