"""People who are put back at a site with another model: which of their samples come with them."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Rights
from doorbus_enroller.returning import Returning, blind_to
from doorbus_enroller.store import Person, Sample

HERE, THERE = "Here@1", "There@1"
AT = datetime(2026, 6, 1, tzinfo=UTC)
WHAT_COMES = st.sampled_from(["made", "none is found", "not sealed for us", "no answer"])


@st.composite
def everybody(draw: st.DrawFn) -> tuple[Person, ...]:
    return tuple(
        Person(
            person,
            Rights(),
            tuple(
                Sample(b"former", draw(st.sampled_from([HERE, THERE])), 0.5, f"{number:064x}", AT, face=face)
                for number, face in enumerate(draw(st.lists(st.sampled_from([b"face", None]), max_size=3)))
            ),
        )
        for person in draw(st.lists(st.sampled_from("abcd"), unique=True))
    )


@given(everybody(), st.data())
def test_every_sample_comes_as_it_was_or_with_a_new_template_or_its_person_is_named(
    people: tuple[Person, ...], data: st.DataObject
) -> None:
    returning, gone, keys = Returning.begun(people, HERE, 0.0), set[str](), 0
    expected = {each.person: [sample.picture for sample in each.samples if sample.model == HERE] for each in people}
    lost = {each.person for each in people for one in each.samples if one.model != HERE and one.face is None}
    while not returning.done:
        while returning.todo:
            keys += 1
            comes = data.draw(WHAT_COMES)
            person, sample = returning.sample(returning.todo[0])
            if comes == "not sealed for us":
                returning = returning.passed_over()
                lost.add(person)
                continue
            returning = returning.asking(str(keys).encode())
            if comes != "no answer":
                made = b"new" if comes == "made" else None
                returning = returning.answered(str(keys).encode(), made, 1.0)
                expected[person] += [sample.picture] if made else []
                lost |= set() if made else {person}
        returning = returning.anew()
        if data.draw(st.booleans()) and people:
            gone.add(data.draw(st.sampled_from(people)).person)
            returning = returning.without(max(gone))

    removed = returning.removed
    whole = {each.person: each for each in returning.whole()}
    assert whole.keys() == {each.person for each in people} - removed
    assert set(returning.lacking()) == lost - removed
    for person, each in whole.items():
        assert sorted(one.picture for one in each.samples) == sorted(expected[person])
        assert {one.model for one in each.samples} <= {HERE}
    before = {each.person: {one.picture: one.model for one in each.samples} for each in people}
    for person, each in whole.items():
        for one in each.samples:
            assert one.template == (b"former" if before[person][one.picture] == HERE else b"new")


@given(everybody())
def test_where_recognizers_run_that_know_a_model_nobody_is_lost_to_it(people: tuple[Person, ...]) -> None:
    assert blind_to(people, ()) == ()
    assert blind_to(people, (HERE, THERE)) == ()
    blind = set(blind_to(people, (HERE,)))
    assert blind == {each.person for each in people if any(one.model == THERE and not one.face for one in each.samples)}
