"""Every message that crosses the bus, found by reflection."""

import inspect
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from itertools import pairwise
from typing import Any

import pytest

from doorbus.site.asyncapi import examples
from doorbus.testing import matches
from doorbus.wire import messages
from doorbus.wire.channels import CHANNELS, Channel, Role
from doorbus.wire.codec import Arrival, Codec, Jpeg, Json, Patch, Word
from doorbus.wire.messages import (
    AcceptReview,
    Action,
    Activity,
    Alarm,
    AlarmKind,
    Arranged,
    Ask,
    Challenge,
    CheckedPerson,
    CheckedSample,
    CheckPeople,
    ClosePair,
    ContactState,
    Course,
    Credential,
    Decision,
    Deed,
    DiscardReview,
    Doorbell,
    Embedded,
    EmbeddedFace,
    EmbedRequest,
    Enrol,
    EnrolFromCamera,
    Enrolment,
    Entitlement,
    EraseRecording,
    ErrorCode,
    Exit,
    ExportPeople,
    Face,
    FaceForReview,
    FacesForReview,
    Fault,
    Frame,
    GalleryEntry,
    GetRecording,
    GetReview,
    GroupEntry,
    HashedCredential,
    HashedCredentials,
    Health,
    Input,
    InputState,
    JournalEntry,
    JournalKind,
    JournalPage,
    JournalRequest,
    KeptPeople,
    KeptPerson,
    KeptPicture,
    KeptSample,
    ListedGroup,
    ListedGroups,
    ListedPeople,
    ListedPerson,
    ListedSchedule,
    ListedSchedules,
    ListRecordings,
    ListReviews,
    LockCommand,
    Lockdown,
    LockdownOrder,
    LockState,
    ManagePerson,
    Manifest,
    Message,
    Models,
    ModelState,
    Outcome,
    PeopleChecked,
    Picture,
    Portrait,
    Presence,
    Reason,
    Recognised,
    RecogniseRequest,
    Recognition,
    Recording,
    Recordings,
    Remove,
    RemoveCredential,
    RemoveGroup,
    RemoveSample,
    RemoveSchedule,
    RestorePeople,
    Result,
    ResultStatus,
    Review,
    ReviewPicture,
    Reviews,
    Rights,
    RosterEntry,
    ScheduleEntry,
    SetCredential,
    SetGroup,
    SetSchedule,
    TamperState,
    Trigger,
    Update,
    Verdict,
    Weakness,
)
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Resolved

AT = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
ARRIVAL = Arrival(AT + timedelta(seconds=1), "given-on-arrival")
JPEG = b"\xff\xd8\xff\xe0 not looked into \xff\xd9"
FACE = Face(
    box=(1.0, 2.0, 30.5, 40.0),
    verdict=Verdict.MATCH,
    person="alice",
    confidence=0.97,
    similarity=0.82,
    runner_up=-0.1,
    live=0.99,
    size=61.5,
    sharpness=120.0,
    quality=0.5,
    yaw=-12.5,
    pitch=3.0,
    roll=-4.5,
    eyes_open=1.0,
    lids=0.24,
    lids_apart=0.02,
    sides_apart=-13.5,
    ends_apart=2.1,
    aspect=0.71,
)
EMBEDDED_FACE = EmbeddedFace(
    box=(0.0, 0.0, 9.0, 9.0),
    size=80.0,
    sharpness=120.0,
    quality=0.9,
    live=1.0,
    brightness=0.4,
    template="c2VhbGVk",
    face="c2VhbGVk",
)
ENTRY = JournalEntry(chain="0123456789abcdef", number=1, at=AT, kind=JournalKind.STARTED, version="0.1.0")
FAULT = Fault(code=ErrorCode.NO_FACE, message="there is no face on the picture")
ENTITLED: dict[str, Any] = {
    "name": "Älice <b>\u200d\U0001f680",
    "enabled": False,
    "doors": ("front", "back"),
    "valid_from": AT,
    "valid_until": AT + timedelta(days=1),
    "hours": "Mo-Fr 07:00-19:00; PH off",
    "threshold": 0.9,
    "schedule": "office",
    "second_factor": True,
}
HASHED = HashedCredential(
    person="alice", credential="pin", salt="ab" * 16, hash="cd" * 16, valid_from=AT, valid_until=AT + timedelta(hours=1)
)
GROUP: dict[str, Any] = {**ENTITLED, "group": "cleaners"}
RIGHTS: dict[str, Any] = {**ENTITLED, "group": "cleaners"}
SCHEDULE: dict[str, Any] = {"name": "Büro", "hours": "Mo-Fr 07:00-19:00; PH off", "holidays": ("2026-12-24", "PH")}
KEPT = KeptPerson(
    person="alice",
    rights=Rights(**RIGHTS),
    samples=(
        KeptSample(
            template="c2VhbGVk",
            model="MobileFaceNet",
            quality=0.9,
            picture="ab" * 32,
            created_at=AT,
            number=7,
            brightness=0.4,
            face="c2VhbGVk",
        ),
    ),
)
CHECKED = CheckedPerson(
    person="alice",
    weaknesses=(Weakness.FEW_SAMPLES, Weakness.UNLIKE),
    samples=(CheckedSample(number=7, quality=0.5, brightness=0.4, likeness=-0.1, created_at=AT),),
)
RECORDING = Recording(
    recording="20260601t120000123456-0f1e2d3c4b5a",
    door="front",
    camera="porch",
    at=AT,
    outcome=Outcome.GRANTED,
    reason=Reason.MATCHED,
    frame_id="f-2",
    captured_at=AT,
    person="alice",
    confidence=0.97,
    faces=(FACE,),
    width=640,
    height=480,
    bytes=61_234,
)
REVIEW = Review(
    entry="20260601t120000123456-0f1e2d3c4b5a",
    door="front",
    camera="porch",
    first_at=AT,
    at=AT + timedelta(seconds=9),
    count=3,
    person="alice",
    confidence=0.6,
    quality=0.5,
    live=0.99,
    bytes=12_345,
)
FACE_FOR_REVIEW = FaceForReview(
    box=(1.0, 2.0, 30.5, 40.0),
    verdict=Verdict.MATCH,
    person="alice",
    confidence=0.6,
    quality=0.5,
    live=0.99,
    template="c2VhbGVk",
)
CLOSE = ClosePair(person="alice", other="bob", similarity=0.7)

MODEL_STATE = ModelState(
    model="MobileFaceNet@d8ba40c0/points.1",
    recognizers=("recognizer",),
    leading=True,
    published=True,
    people=2,
    samples=5,
    left=1,
    again=("bob",),
    again_count=1,
)
SAMPLES: dict[type[Message], tuple[Message, ...]] = {
    Picture: (Picture(jpeg=JPEG),),
    Frame: (
        Frame(jpeg=JPEG, frame_id="f-1", captured_at=AT),
        Frame(jpeg=JPEG, frame_id="f:2/3 ü", captured_at=AT, seq=7, label="an empty scene"),
    ),
    Portrait: (Portrait(jpeg=JPEG, frame_id="f-1", captured_at=AT, person="alice"),),
    Enrol: (Enrol(jpeg=JPEG),),
    EmbedRequest: (EmbedRequest(jpeg=JPEG),),
    ModelState: (MODEL_STATE, ModelState(model="Dlib@55533b28/eyes.1")),
    Models: (Models(), Models(models=(MODEL_STATE,))),
    Face: (FACE, Face(box=(0.0, 0.0, 1.0, 1.0), verdict=Verdict.UNKNOWN)),
    Recognition: (
        Recognition(frame_id="f-1", captured_at=AT, recognized_at=AT, recognizer="one", model="MobileFaceNet"),
        Recognition(
            frame_id="f-2",
            captured_at=AT,
            recognized_at=AT.astimezone(timezone(timedelta(hours=5, minutes=30))),
            recognizer="one",
            model="MobileFaceNet",
            gallery_version=3,
            timings_ms={"decode": 0.4, "detect": 2.3},
            digest="0123456789abcdef" * 2,
            width=640,
            height=480,
            faces=(FACE,),
            door="front",
            camera="porch",
        ),
    ),
    LockCommand: (
        LockCommand(action=Action.UNLOCK),
        LockCommand(action=Action.OPEN, seconds=5.5, id="c-1", issued_at=AT, code="123456", by="reception"),
    ),
    Decision: (
        Decision(outcome=Outcome.DENIED, reason=Reason.UNKNOWN_FACE, trigger=Trigger.FACE, at=AT),
        Decision(
            outcome=Outcome.GRANTED,
            reason=Reason.MATCHED,
            trigger=Trigger.FACE,
            at=AT,
            person="alice",
            confidence=1.0,
            camera="porch",
            frame_ids=("f-1", "f-2"),
            latency_ms=31.5,
            seconds=3.0,
            by="reception",
            command_id="c-1",
            credential="pin",
            reader="keypad",
            count=2,
        ),
    ),
    JournalEntry: (
        ENTRY,
        JournalEntry(
            chain="0123456789abcdef",
            number=2,
            at=AT,
            kind=JournalKind.RELAY,
            previous="a" * 64,
            decision=Decision(outcome=Outcome.DENIED, reason=Reason.STALE, trigger=Trigger.FACE, at=AT),
            seconds=3.0,
            command=LockCommand(action=Action.LOCK),
            lockdown=Lockdown.ON,
            by="reception",
            state=LockState.JAMMED,
            why="the coil is burnt",
            input=Input.CONTACT,
            on=True,
            alarm=AlarmKind.HELD_OPEN,
            since=AT,
            person="alice",
        ),
    ),
    LockdownOrder: (LockdownOrder(lockdown=Lockdown.ON), LockdownOrder(lockdown=Lockdown.OFF, by="réception")),
    Alarm: (
        Alarm(kind=AlarmKind.FORCED, at=AT, since=AT),
        Alarm(kind=AlarmKind.HELD_OPEN, at=AT, since=AT, person="a"),
    ),
    Doorbell: (Doorbell(at=AT),),
    Exit: (Exit(at=AT, unlocked=True),),
    JournalRequest: (JournalRequest(), JournalRequest(first=2, last=3)),
    JournalPage: (JournalPage(newest=0), JournalPage(entries=(ENTRY,), newest=7)),
    Activity: (
        Activity(
            text="Unknown face refused",
            outcome=Outcome.DENIED,
            reason=Reason.UNKNOWN_FACE,
            trigger=Trigger.FACE,
            at=AT,
            since=AT,
        ),
        Activity(
            text="Älice let in",
            outcome=Outcome.GRANTED,
            reason=Reason.MATCHED,
            trigger=Trigger.FACE,
            at=AT,
            since=AT,
            count=2,
            person="alice",
            name="Älice",
            camera="porch",
            by="reception",
            last_person="alice",
            last_name="Älice",
            last_confidence=1.0,
            last_latency_ms=31.5,
            last_reason=Reason.MATCHED,
            again=True,
        ),
        Activity(text="Door held open", alarm=AlarmKind.HELD_OPEN, at=AT, since=AT),
    ),
    Challenge: (Challenge(ask=Ask.NONE), Challenge(ask=Ask.TURN_LEFT, camera="porch", expires_at=AT)),
    EnrolFromCamera: (
        EnrolFromCamera(door="front", camera="porch"),
        EnrolFromCamera(door="front", camera="porch", name="Älice", samples=5, timeout_s=9.5, code="123456"),
    ),
    Enrolment: (
        Enrolment(text="Somebody was not enrolled", course=Course.ERROR, action="newcomer", at=AT, person="newcomer"),
        Enrolment(
            text="Älice: 2 of 3, turn a little",
            course=Course.UNDER_WAY,
            action="capture",
            at=AT,
            person="alice",
            name="Älice",
            door="front",
            camera="porch",
            taken=2,
            asked=3,
            error=ErrorCode.BLURRED,
        ),
    ),
    ListedPerson: (ListedPerson(person="alice", name="Älice"), ListedPerson(person="bob", name="Bob", enabled=False)),
    ListedPeople: (ListedPeople(count=0), ListedPeople(count=9, people=(ListedPerson(person="alice", name="Älice"),))),
    ManagePerson: (
        ManagePerson(action=Deed.REMOVE, who="Älice"),
        ManagePerson(action=Deed.DISABLE, who="alice"),
    ),
    Rights: (Rights(), Rights(**RIGHTS)),
    Update: (Update(), Update(**RIGHTS), Update(name=None, valid_until=None, doors=None)),
    RosterEntry: (
        RosterEntry(person="alice"),
        RosterEntry(person="alice", **RIGHTS, inherited=("doors",), credentials=("pin",), codes_until={"pin": AT}),
    ),
    Entitlement: (Entitlement(), Entitlement(**ENTITLED)),
    Credential: (Credential(code="274163"), Credential(code="04-A2-1B", id="17", issued_at=AT)),
    SetCredential: (
        SetCredential(code="274163"),
        SetCredential(code="04-A2-1B", valid_from=AT, valid_until=AT + timedelta(hours=1), guest="Zoë"),
    ),
    RemoveCredential: (RemoveCredential(),),
    HashedCredential: (HASHED, HashedCredential(person="bob", credential="tag", salt="ab" * 16, hash="cd" * 16)),
    HashedCredentials: (HashedCredentials(), HashedCredentials(credentials=(HASHED,))),
    SetGroup: (SetGroup(), SetGroup(**ENTITLED), SetGroup(schedule=None)),
    RemoveGroup: (RemoveGroup(),),
    SetSchedule: (SetSchedule(), SetSchedule(**SCHEDULE), SetSchedule(holidays=None)),
    RemoveSchedule: (RemoveSchedule(),),
    GroupEntry: (GroupEntry(group="cleaners"), GroupEntry(**GROUP)),
    ScheduleEntry: (ScheduleEntry(schedule="office", **SCHEDULE), ScheduleEntry(schedule="night", hours="22:00-06:00")),
    ListedGroup: (ListedGroup(**GROUP, people=40),),
    ListedGroups: (ListedGroups(), ListedGroups(groups=(ListedGroup(**GROUP, people=40),))),
    ListedSchedule: (ListedSchedule(schedule="office", **SCHEDULE, people=40),),
    ListedSchedules: (
        ListedSchedules(),
        ListedSchedules(schedules=(ListedSchedule(schedule="office", **SCHEDULE, people=40),)),
    ),
    Arranged: (
        Arranged(status=ResultStatus.OK, action="set_group", id="cleaners", at=AT, people=40, warning="no door front"),
        Arranged(status=ResultStatus.ERROR, action="set_schedule", id="Büro", at=AT, error=FAULT),
    ),
    GalleryEntry: (GalleryEntry(person="alice", templates=("AAAA", "BBBB")),),
    Remove: (Remove(),),
    RemoveSample: (RemoveSample(),),
    CheckPeople: (CheckPeople(), CheckPeople(after="alice", person="bob")),
    CheckedSample: (CHECKED.samples[0], CheckedSample(number=1, quality=0.1, created_at=AT)),
    CheckedPerson: (CHECKED, CheckedPerson(person="bob")),
    ClosePair: (CLOSE,),
    PeopleChecked: (
        PeopleChecked(),
        PeopleChecked(people=(CHECKED,), next="alice", count=3, pairs=(CLOSE,), close=1, similarity=0.6, error=FAULT),
    ),
    KeptSample: (KEPT.samples[0],),
    KeptPerson: (KEPT, KeptPerson(person="bob", rights=Rights(), credentials=(HASHED,))),
    ExportPeople: (ExportPeople(), ExportPeople(after="alice", person="bob", limit=7)),
    RestorePeople: (
        RestorePeople(people=(KEPT,)),
        RestorePeople(
            people=(), groups=(GroupEntry(**GROUP),), schedules=(ScheduleEntry(schedule="office", **SCHEDULE),)
        ),
    ),
    KeptPeople: (
        KeptPeople(),
        KeptPeople(people=(KEPT,), next="alice", left_out=2, count=3, roster_version=4, gallery_version=5, error=FAULT),
        KeptPeople(count=3, again=("alice",)),
        KeptPeople(groups=(GroupEntry(**GROUP),), schedules=(ScheduleEntry(schedule="office", **SCHEDULE),)),
    ),
    Fault: (FAULT,),
    Result: (
        Result(
            status=ResultStatus.OK,
            action="enrol",
            person="alice",
            at=AT,
            samples=2,
            gallery_version=4,
            valid_until=AT,
            added=1,
            advice="samples 2 of 3 advised",
        ),
        Result(status=ResultStatus.OK, action="update", person="alice", at=AT, warning="there is no door frotn yet"),
        Result(status=ResultStatus.ERROR, action="enrol", person="Not A Slug", at=AT, error=FAULT),
    ),
    Manifest: (
        Manifest(version=0, count=0, shards=()),
        Manifest(version=1, count=1, shards=("a" * 64,), credentials="b" * 64),
        Manifest(version=9, count=2, shards=("a" * 64, "0" * 64), model="MobileFaceNet", seal="c2VhbA=="),
    ),
    EmbeddedFace: (EMBEDDED_FACE,),
    Embedded: (
        Embedded(model="MobileFaceNet", faces=(EMBEDDED_FACE,), same_person_similarity=0.4),
        Embedded(model="MobileFaceNet", same_person_similarity=0.4, error=ErrorCode.NOT_A_PICTURE),
    ),
    RecogniseRequest: (RecogniseRequest(jpeg=JPEG),),
    Recognised: (
        Recognised(model="MobileFaceNet", error=ErrorCode.NOT_A_PICTURE),
        Recognised(model="MobileFaceNet", faces=(FACE,), gallery_version=3, timings_ms={"decode": 0.4}),
    ),
    Recording: (
        RECORDING,
        RECORDING.model_copy(update={"person": None, "confidence": None, "faces": (), "width": None, "height": None}),
    ),
    ListRecordings: (
        ListRecordings(),
        ListRecordings(
            door="front", person="alice", outcome=Outcome.DENIED, since=AT, until=AT, after="20260601-0f", limit=7
        ),
    ),
    Recordings: (Recordings(), Recordings(recordings=(RECORDING,), next="20260601-0f", count=3, error=FAULT)),
    GetRecording: (GetRecording(), GetRecording(boxes=True)),
    KeptPicture: (
        KeptPicture(jpeg=JPEG, recording="20260601-0f"),
        KeptPicture(jpeg=b"", recording="Not A Slug", error=ErrorCode.UNKNOWN_RECORDING, why="it may have been erased"),
    ),
    EraseRecording: (EraseRecording(),),
    FaceForReview: (FACE_FOR_REVIEW,),
    FacesForReview: (
        FacesForReview(frame_id="f-1", model="MobileFaceNet", same_person_similarity=0.4, faces=(FACE_FOR_REVIEW,)),
    ),
    Review: (REVIEW, Review(entry="0f", door="front", camera="porch", first_at=AT, at=AT, bytes=1)),
    ListReviews: (ListReviews(), ListReviews(after="0f", limit=7)),
    Reviews: (Reviews(), Reviews(entries=(REVIEW,), next="0f", count=3, person="alice", samples=2, error=FAULT)),
    GetReview: (GetReview(),),
    ReviewPicture: (
        ReviewPicture(jpeg=JPEG, entry="20260601-0f"),
        ReviewPicture(jpeg=b"", entry="Not A Slug", error=ErrorCode.UNKNOWN_ENTRY, why="somebody has dealt with it"),
    ),
    AcceptReview: (AcceptReview(person="alice"), AcceptReview(person="zoe", new=True, by="reception")),
    DiscardReview: (DiscardReview(),),
    Health: (
        Health(state=Presence.OFFLINE, service="capture", instance="porch", version="0.1.0", at=AT, started_at=AT),
        Health(
            state=Presence.ONLINE,
            service="capture",
            instance="porch",
            version="0.1.0",
            at=AT,
            started_at=AT,
            door="front",
            camera="porch",
            country="DE",
            problem="the camera is silent",
            site_key="0f1e2d3c",
            site_keys=("4b5a6978", "0f1e2d3c"),
            model="MobileFaceNet@d8ba40c0/points.1",
            figures={"fps": 9.5},
            refused={"frame.stale": 3},
            last_refused={"frame.stale": AT},
        ),
    ),
}


def _messages() -> list[type[Message]]:
    members = inspect.getmembers(messages, inspect.isclass)
    return [one for _, one in members if issubclass(one, Message) and one is not Message]


def _words() -> list[type[StrEnum]]:
    members = inspect.getmembers(messages, inspect.isclass)
    return [one for _, one in members if issubclass(one, StrEnum) and one is not StrEnum]


def _on_the_wire() -> list[type[Any]]:
    """Models that are the whole of some payload."""
    models = {channel.codec.model for channel in CHANNELS}
    return sorted(
        (one for one in models if one.__module__.startswith(messages.__name__)), key=lambda one: str(one.__name__)
    )


def _codecs(model: type[Message]) -> list[Codec[Any]]:
    """The codecs that carry `model`, or the one that would."""
    found = [channel.codec for channel in CHANNELS if channel.codec.model is model]
    return found or [Jpeg(model) if issubclass(model, Picture) else Json(model)]


def _lines(documentation: str | None) -> Iterator[list[str]]:
    for line in inspect.cleandoc(documentation or "").splitlines():
        if line.startswith("mosquitto_"):
            yield shlex.split(line)


def _there_and_back(codec: Codec[Any], message: object) -> object:
    body = codec.encode(message)
    return codec.decode(Packet("any", body.payload, user=body.user), {}, ARRIVAL)


@pytest.mark.parametrize("model", _messages(), ids=lambda one: one.__name__)
def test_every_message_comes_back_from_the_wire_as_it_was(model: type[Message]) -> None:
    assert model in SAMPLES, f"{model.__name__} needs a sample in {__file__}"

    for sample in SAMPLES[model]:
        assert type(sample) is model
        for codec in _codecs(model):
            assert _there_and_back(codec, sample) == sample


@pytest.mark.parametrize("word", LockState, ids=str)
def test_every_lock_state_comes_back_from_the_wire_as_it_was(word: LockState) -> None:
    assert _there_and_back(Word(LockState), word) is word


@pytest.mark.parametrize("model", _messages(), ids=lambda one: one.__name__)
def test_the_samples_of_a_message_use_every_field(model: type[Message]) -> None:
    used = {name for sample in SAMPLES[model] for name in sample.model_fields_set}

    assert used == set(model.model_fields)


def test_an_update_carries_only_what_was_set_and_null_where_it_clears() -> None:
    change = Update(name="Alice", valid_until=None)

    came = _there_and_back(Patch(Update), change)

    assert Patch(Update).encode(change).payload == b'{"name":"Alice","valid_until":null}'
    assert isinstance(came, Update)
    assert came.changes() == {"name": "Alice", "valid_until": None}


@pytest.mark.parametrize("kind", _words(), ids=lambda one: one.__name__)
def test_words_of_the_bus_are_plain(kind: type[StrEnum]) -> None:
    upper = kind in (Action, ContactState, InputState, Lockdown, LockState, TamperState)

    assert all(word.value == (word.name if upper else word.name.lower()) for word in kind)


@pytest.mark.parametrize("model", _on_the_wire(), ids=lambda one: one.__name__)
def test_the_documentation_of_every_wire_message_has_a_line_to_run(model: type[Any]) -> None:
    assert list(_lines(model.__doc__)), f"{model.__name__}: its docstring needs a mosquitto_pub or mosquitto_sub line"


@pytest.mark.parametrize("model", _on_the_wire(), ids=lambda one: one.__name__)
def test_the_lines_in_the_documentation_name_topics_of_that_message(model: type[Any]) -> None:
    for words in _lines(model.__doc__):
        topic = dict(pairwise(words))["-t"]
        own = [channel for channel in CHANNELS if channel.codec.model is model]
        ids = {
            "door": "front",
            "camera": "porch",
            "person": "alice",
            "token": "me",
            "sample": "7",
            "group": "cleaners",
            "schedule": "office",
            "recording": "20260601-0f",
            "reader": "keypad",
            "credential": "pin",
            "entry": "20260601-0f",
            "service": "x",
            "instance": "y",
            "input": "contact",
            "embedder": "dlib-0f1e2d3c",
        }
        ids |= {"component": "lock", "object": "front"}
        reach = [one for one in own if matches(topic, TOPICS.topic(one, **ids, shard="0"))]

        assert reach, " ".join(words)
        if words[0] != "mosquitto_sub":
            assert int(dict(pairwise(words)).get("-q", "0")) == reach[0].qos, " ".join(words)


@pytest.mark.parametrize("model", _on_the_wire(), ids=lambda one: one.__name__)
def test_what_the_documentation_sends_is_accepted(model: type[Any]) -> None:
    for packet in examples(model.__doc__ or ""):
        found = TOPICS.resolve(packet.topic)
        assert found is not None
        assert found.valid
        payload = JPEG if issubclass(model, Picture) else packet.payload

        assert isinstance(found.channel.codec.decode(Packet(packet.topic, payload), found.ids, ARRIVAL), model)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda one: one.name)
def test_a_channel_tells_its_own_topics_from_all_others(channel: Channel[Any]) -> None:
    ids = dict.fromkeys(channel.parameters, "some-1")
    topic = TOPICS.topic(channel, **ids)

    assert TOPICS.resolve(topic) == Resolved(channel, ids)
    assert [other for other in CHANNELS if matches(TOPICS.filter(other), topic)] == [channel]
    assert matches(TOPICS.filter(channel), topic)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda one: one.name)
def test_every_channel_has_a_sender_and_a_reader_and_a_name_of_its_own(channel: Channel[Any]) -> None:
    assert channel.senders
    assert channel.receivers
    assert [one.name for one in CHANNELS].count(channel.name) == 1
    assert [one.template for one in CHANNELS].count(channel.template) == 1


def test_templates_are_read_by_recognizers_and_the_enroller_only() -> None:
    biometric = [one for one in CHANNELS if one.template.startswith(("gallery/", "embed/"))]

    assert {role for one in biometric for role in one.receivers} == {Role.RECOGNIZER, Role.ENROLLER}
