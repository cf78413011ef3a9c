"""What becomes of pictures, changes of rights and requests that cannot be read."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal
from doorbus.wire.ids import SLUG
from doorbus.wire.messages import ErrorCode, Fault, Rights, Update
from doorbus.wire.templates import Template
from doorbus_enroller.enrolment import (
    Answer,
    Candidate,
    Known,
    Rules,
    advice,
    decide,
    fault_of,
    id_of,
    revise,
)
from doorbus_enroller.known_faces import Enrolled, KnownFaces
from doorbus_enroller.settings import Enroller

RULES = Enroller()
SAME = 0.5
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at_angle(degrees: float) -> Template:
    """A unit vector; the similarity of two is the cosine of the angle between them."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def face(degrees: float = 0.0, **changes: float | None) -> Candidate:
    good = Candidate(size=80.0, sharpness=200.0, quality=0.9, live=0.99, template=at_angle(degrees))
    return replace(good, **changes)  # type: ignore[arg-type]


def seen(*faces: Candidate, model: str = "MobileFaceNet", error: ErrorCode | None = None) -> Answer:
    return Answer(model=model, faces=faces, same_person_similarity=SAME, error=error)


def enrolled(**people: list[float]) -> dict[str, Enrolled]:
    return {
        person: Enrolled.of(map(at_angle, angles), (f"{person} {each}" for each in angles))
        for person, angles in people.items()
    }


def known_faces(people: Mapping[str, Template]) -> KnownFaces:
    faces = KnownFaces()
    for person, mean in people.items():
        faces.put(person, mean, "MobileFaceNet")
    return faces


def decided(
    person: str, picture: str, answer: Answer, people: dict[str, Enrolled] | None = None, rules: Rules = RULES
) -> Candidate | Known | Fault:
    """What is decided where these people are enrolled."""
    everybody = people or {}
    faces = known_faces({name: one.mean for name, one in everybody.items()})
    return decide(person, picture, answer, everybody.get(person), faces, rules)


def code(decision: object) -> ErrorCode:
    assert isinstance(decision, Fault), decision
    return decision.code


def test_one_good_face_enrols_the_first_person() -> None:
    only = face()
    assert decided("alice", "a", seen(only)) is only


def test_a_picture_without_a_face_is_refused() -> None:
    assert code(decided("alice", "a", seen())) is ErrorCode.NO_FACE


def test_two_people_side_by_side_are_refused() -> None:
    assert code(decided("alice", "a", seen(face(size=80), face(size=60)))) is ErrorCode.SEVERAL_FACES


def test_a_passer_by_far_in_the_background_does_not_count() -> None:
    main = face(size=80)
    assert decided("alice", "a", seen(face(90, size=30), main)) is main


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": 31.9}, ErrorCode.TOO_SMALL),
        ({"sharpness": 19.9}, ErrorCode.BLURRED),
        ({"sharpness": 19.9, "brightness": 0.25}, ErrorCode.BLURRED),
        ({"sharpness": 19.9, "brightness": 0.19}, ErrorCode.TOO_DARK),
    ],
)
def test_a_poor_picture_is_refused_with_what_is_asked(changes: dict[str, float], expected: ErrorCode) -> None:
    decision = decided("alice", "a", seen(face(**changes)))
    assert code(decision) is expected
    assert isinstance(decision, Fault)
    assert "asked" in decision.message


@pytest.mark.parametrize("live", [None, 0.49])
def test_where_liveness_is_asked_a_photo_of_a_photo_and_an_unmeasured_one_are_refused(live: float | None) -> None:
    strict = RULES.model_copy(update={"min_live": 0.5})
    assert code(decided("alice", "a", seen(face(live=live)), rules=strict)) is ErrorCode.NOT_LIVE
    assert isinstance(decided("alice", "a", seen(face(live=0.5)), rules=strict), Candidate)


@pytest.mark.parametrize("live", [None, 0.0])
def test_liveness_is_not_asked_of_picture_files_by_default(live: float | None) -> None:
    assert isinstance(decided("alice", "a", seen(face(live=live))), Candidate)


def test_a_face_that_is_enrolled_under_another_name_is_refused_naming_it() -> None:
    decision = decided("alicia", "a", seen(face(20)), enrolled(alice=[0.0], bob=[120.0]))
    assert code(decision) is ErrorCode.ALREADY_SOMEONE_ELSE
    assert isinstance(decision, Fault)
    assert "enrolled as alice" in decision.message


def test_somebody_elses_picture_sent_for_an_enrolled_person_is_refused_as_somebody_else() -> None:
    decision = decided("alice", "a", seen(face(118)), enrolled(alice=[0.0], bob=[120.0]))
    assert code(decision) is ErrorCode.ALREADY_SOMEONE_ELSE


def test_a_strangers_picture_sent_for_an_enrolled_person_is_refused() -> None:
    decision = decided("alice", "a", seen(face(90)), enrolled(alice=[0.0]))
    assert code(decision) is ErrorCode.NOT_THE_SAME_PERSON


def test_a_newcomer_who_resembles_somebody_a_little_is_enrolled() -> None:
    newcomer = face(58)  # similarity 0.53: above the recognizer's value, below the margin
    assert decided("bob", "a", seen(newcomer), enrolled(alice=[0.0])) is newcomer


def test_a_twin_gets_further_samples_that_resemble_the_twin_more() -> None:
    further = face(15)
    assert decided("alice", "a", seen(further), enrolled(alice=[0.0], bella=[50.0])) is further


def test_a_picture_that_is_nearly_a_sample_adds_nothing_but_a_frame_of_another_moment_does() -> None:
    people, face_again = enrolled(alice=[0.0, 30.0]), face(32)
    known = decided("alice", "new", seen(face_again), people)
    assert isinstance(known, Known)
    assert known.similarity == pytest.approx(np.cos(np.radians(2)))
    assert decided("alice", "new", seen(face_again), people, RULES.of_frames()) is face_again
    assert decided("alice", "new", seen(face(42)), people) is not None
    assert isinstance(decided("alice", "new", seen(face(42)), people), Candidate)


@pytest.mark.parametrize(
    ("samples", "near", "told"),
    [
        (1, None, "samples 1 of 3 advised"),
        (3, None, None),
        (7, 0.991, "this picture adds nothing: one like it is a sample (similarity 0.991)"),
        (2, 1.0, "this picture adds nothing: one like it is a sample (similarity 1.000); samples 2 of 3 advised"),
    ],
)
def test_what_would_help_is_said(samples: int, near: float | None, told: str | None) -> None:
    assert advice(samples, near) == told


def test_samples_are_bounded() -> None:
    full = enrolled(alice=[float(angle) for angle in range(RULES.max_samples)])
    assert code(decided("alice", "new", seen(face(-20)), full)) is ErrorCode.TOO_MANY_SAMPLES


def test_a_picture_that_was_delivered_twice_counts_once() -> None:
    people = enrolled(alice=[0.0])
    (picture,) = people["alice"].pictures
    assert decided("alice", picture, seen(face()), people) == Known()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Alice", "alice"),
        (" Zoë  d'Été-Smith ", "zoe-d-ete-smith"),
        ("../roster/manifest", "roster-manifest"),
        ("a" * 128, "a" * 64),
        ("guest-1", "guest-1"),
    ],
)
def test_the_id_of_a_newcomer_is_made_of_the_name(name: str, expected: str) -> None:
    assert id_of(name, {"alice", "guest-1"}) == expected


def test_a_newcomer_without_a_name_is_the_next_guest() -> None:
    assert id_of(None, set()) == "guest-1"
    assert id_of(None, {"guest-1", "guest-2", "guest-4"}) == "guest-3"


@pytest.mark.parametrize("name", ["", " ", "!", "…", "\u200b", "-_-"])
def test_a_name_without_any_letter_is_refused_and_makes_no_guest(name: str) -> None:
    fault = id_of(name, set())
    assert isinstance(fault, Fault)
    assert fault.code is ErrorCode.BAD_REQUEST


def test_a_name_in_other_letters_has_an_id_of_its_own_that_stays() -> None:
    names = ["小林", "Жанна", "Αλίκη"]
    ids = [str(id_of(name, set())) for name in names]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch("person-[0-9a-f]{8}", one) for one in ids)
    assert id_of(" жанна ", {ids[1]}) == ids[1]


@given(st.text())
def test_whatever_the_name_the_id_is_one_or_the_name_is_refused(name: str) -> None:
    made = id_of(name, set())
    assert isinstance(made, Fault) is not any(map(str.isalnum, name))
    assert isinstance(made, Fault) or re.fullmatch(SLUG, made)


def test_a_gallery_of_another_model_is_not_mixed_and_the_way_out_is_told() -> None:
    decision = decided("bob", "a", seen(face(90), model="Dlib"), enrolled(alice=[0.0]))
    assert code(decision) is ErrorCode.OTHER_MODEL
    assert isinstance(decision, Fault)
    assert "DOORBUS_RECOGNIZER__MODEL=MobileFaceNet" in decision.message


def test_templates_of_another_length_are_another_model() -> None:
    longer = replace(face(), template=np.array([0, 0, 1], np.float32))
    assert code(decided("bob", "a", seen(longer), enrolled(alice=[0.0]))) is ErrorCode.OTHER_MODEL


def test_an_empty_gallery_takes_any_model() -> None:
    assert isinstance(decided("bob", "a", seen(face(), model="Dlib")), Candidate)


@pytest.mark.parametrize("error", [ErrorCode.NOT_A_PICTURE, ErrorCode.TOO_LARGE, ErrorCode.BLURRED])
def test_what_the_recognizer_could_not_use_is_told_to_the_sender(error: ErrorCode) -> None:
    decision = decided("alice", "a", seen(error=error))
    assert code(decision) is error
    assert isinstance(decision, Fault)
    assert decision.message


ANGLES = st.floats(0, 360)
FACES = st.lists(
    st.builds(
        Candidate,
        size=st.floats(0, 400),
        sharpness=st.floats(0, 1000),
        quality=st.floats(0, 1),
        live=st.none() | st.floats(0, 1),
        template=ANGLES.map(at_angle),
    ),
    max_size=4,
)
PEOPLE = st.dictionaries(
    st.sampled_from(["alice", "bob", "carol"]), st.lists(ANGLES, min_size=1, max_size=3, unique=True)
)


@given(faces=FACES, people=PEOPLE, min_live=st.sampled_from([0.0, 0.5]))
def test_whatever_is_taken_meets_every_rule(
    faces: list[Candidate], people: dict[str, list[float]], min_live: float
) -> None:
    rules = RULES.model_copy(update={"min_live": min_live})
    everybody = enrolled(**people)
    taken = decided("alice", "new", seen(*faces), everybody, rules)
    if isinstance(taken, Candidate):
        assert taken.size >= rules.min_size
        assert taken.sharpness >= rules.min_sharpness
        assert min_live == 0 or (taken.live is not None and taken.live >= min_live)
        assert all(other is taken or other.size < taken.size * rules.background for other in faces)
        similar = {person: float(one.mean @ taken.template) for person, one in everybody.items()}
        own = similar.pop("alice", None)
        assert own is None or own >= SAME
        bar = SAME + rules.duplicate_margin * (1 - SAME)
        assert all(other < bar or (own is not None and own >= other) for other in similar.values())
        mine = everybody.get("alice")
        assert mine is None or all(one @ taken.template <= rules.near_duplicate for one in mine.templates)
    elif isinstance(taken, Known):
        assert taken.similarity is not None
        assert rules.near_duplicate < taken.similarity
    else:
        assert isinstance(taken, Fault)
        assert taken.message


@given(faces=FACES, people=PEOPLE)
def test_the_order_of_the_faces_does_not_matter(faces: list[Candidate], people: dict[str, list[float]]) -> None:
    there, back = (decided("alice", "new", seen(*each), enrolled(**people)) for each in (faces, list(reversed(faces))))
    assert there is back or there == back


@given(angle=ANGLES, people=PEOPLE)
def test_a_face_enrolled_as_one_person_is_never_enrolled_as_the_next(
    angle: float, people: dict[str, list[float]]
) -> None:
    everybody = enrolled(**people | {"dave": [angle]})
    assert code(decided("erin", "new", seen(face(angle)), everybody)) is ErrorCode.ALREADY_SOMEONE_ELSE


NAMES = st.sampled_from(["alice", "bob", "carol", "dave"])


@given(st.lists(st.tuples(NAMES, st.none() | ANGLES), max_size=12), ANGLES)
def test_faces_that_come_and_go_are_those_who_are_there(changes: list[tuple[str, float | None]], probe: float) -> None:
    faces, there = KnownFaces(), dict[str, Template]()
    for person, angle in changes:
        if angle is None:
            faces.drop(person)
            there.pop(person, None)
        else:
            there[person] = at_angle(angle)
            faces.put(person, there[person], "MobileFaceNet")
    similar = dict(zip(faces.people, faces.similarities(at_angle(probe)).tolist(), strict=True))
    assert similar == {person: pytest.approx(float(mean @ at_angle(probe)), abs=1e-6) for person, mean in there.items()}
    assert (faces.model is None) == (not there)
    for person in ("alice", "erin"):
        others = {name: similarity for name, similarity in similar.items() if name != person}
        nearest, similarity = faces.nearest(at_angle(probe), but=person)
        assert similarity == max(others.values(), default=-1.0)
        assert others.get(nearest, -1.0) == similarity


def test_fields_that_are_not_sent_stay_as_they_are() -> None:
    rights = Rights(name="Alice", doors=("front",), valid_until=NOON)
    assert revise(rights, Update(enabled=False)) == Rights(
        name="Alice", doors=("front",), valid_until=NOON, enabled=False
    )


def test_a_field_sent_as_null_is_cleared() -> None:
    assert revise(Rights(doors=("front",)), Update(doors=None)) == Rights()


def test_an_update_without_a_field_is_refused() -> None:
    assert code(revise(Rights(), Update())) is ErrorCode.BAD_REQUEST


@given(
    kept=st.builds(Rights, valid_from=st.none() | st.just(NOON), valid_until=st.none()),
    hours=st.integers(-48, 48),
)
def test_nobody_ends_up_valid_until_before_valid_from(kept: Rights, hours: int) -> None:
    until = NOON + timedelta(hours=hours)
    revised = revise(kept, Update(valid_until=until))
    if kept.valid_from and hours <= 0:
        assert code(revised) is ErrorCode.BAD_REQUEST
    else:
        assert revised == Rights(valid_from=kept.valid_from, valid_until=until)


@pytest.mark.parametrize("refusal", list(Refusal))
@pytest.mark.parametrize("picture", [True, False])
def test_every_refusal_is_told_in_words(refusal: Refusal, *, picture: bool) -> None:
    fault = fault_of(refusal, "the detail", picture=picture)
    assert len(fault.message) > 20


@pytest.mark.parametrize(
    ("refusal", "picture", "expected"),
    [
        (Refusal.EMPTY, True, ErrorCode.NOT_A_PICTURE),
        (Refusal.NOT_A_PICTURE, True, ErrorCode.NOT_A_PICTURE),
        (Refusal.EMPTY, False, ErrorCode.BAD_REQUEST),
        (Refusal.WRONG_SHAPE, False, ErrorCode.BAD_REQUEST),
        (Refusal.TOO_LARGE, True, ErrorCode.TOO_LARGE),
        (Refusal.RETAINED, True, ErrorCode.RETAINED),
        (Refusal.BAD_ID, False, ErrorCode.BAD_PERSON_ID),
    ],
)
def test_a_refusal_gets_the_code_that_programs_know(refusal: Refusal, expected: ErrorCode, *, picture: bool) -> None:
    assert fault_of(refusal, "", picture=picture).code is expected
