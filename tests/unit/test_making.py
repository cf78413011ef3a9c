"""Taking people over to another embedding model: who runs which, and how far it is."""

from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.ids import id_of_model, is_slug
from doorbus_enroller.making import Making
from doorbus_enroller.runners import MOST, Runners
from doorbus_enroller.store import Unmade

NAMES, MODELS = st.sampled_from("abc"), st.sampled_from(["One@1", "Two@1", "Three@1"])


def rows(*numbers: int, face: bool = True) -> list[Unmade]:
    return [Unmade(number, f"person-{number}", face) for number in numbers]


@given(st.lists(st.tuples(NAMES, st.one_of(MODELS, st.none()), st.floats(0, 9))))
def test_a_model_runs_as_long_as_one_recognizer_does_that_told_of_it_last(
    story: list[tuple[str, str | None, float]],
) -> None:
    runners, now, expected, left = Runners(100.0), 100.0, dict[str, str](), dict[str, float]()
    for name, model, pause in story:
        now += pause
        before = set(expected.values())
        if model is None:
            runners = runners.gone(name, now)
            expected.pop(name, None)
        else:
            runners = runners.told(name, model, now)
            expected[name] = model
        left |= dict.fromkeys(before - set(expected.values()), now)
    for model in ("One@1", "Two@1", "Three@1", "Never@1"):
        assert runners.of(model) == tuple(sorted(name for name, each in expected.items() if each == model))
        away = 0.0 if model in expected.values() else now + 5 - left.get(model, 100.0)
        assert runners.away(model, now + 5) == away
        assert set(runners.besides(model)) == set(expected.values()) - {model}


@given(st.floats(0, 1e9), MODELS)
def test_nobody_is_away_before_it_can_be_known_who_is_there(now: float, model: str) -> None:
    assert Runners().away(model, now) < 0
    assert Runners().connected(now).away(model, now + 5) == now + 5 - now


def test_somebody_who_names_ever_new_models_has_few_of_them_made() -> None:
    runners = Runners()
    for number in range(50):
        runners = runners.told(f"r{number}", f"Model{number}@1", 1.0)
    assert len(runners.besides("MobileFaceNet@1")) == MOST


def test_a_gallery_is_ready_when_every_face_has_a_template_or_can_have_none() -> None:
    making = Making().seen(5, [*rows(1, 2, 3, 4), *rows(5, face=False)])
    assert (making.made, making.lacking, making.ready) == (0, ("person-5",), False)
    making = making.done([1, 2, 3])
    assert (making.made, making.ready, making.may_lead(5)) == (3, False, False)
    making = making.given_up(4)
    assert (making.lacking, making.ready, making.may_lead(5)) == (("person-5", "person-4"), True, True)

    # Somebody is enrolled meanwhile; the gallery stays.
    again = making.seen(6, [*rows(4), *rows(5, face=False), *rows(6)])
    assert ([one.number for one in again.todo], again.ready, again.may_lead(6)) == ([6], True, False)
    assert again.done([6]).may_lead(6)


def test_what_has_templates_of_few_samples_does_not_lead() -> None:
    making = Making().seen(9, rows(*range(6), face=False))
    assert (making.made, making.ready) == (3, True)
    assert not making.may_lead(9)


@given(st.text(min_size=1, max_size=255))
def test_any_model_has_an_id_of_its_own(model: str) -> None:
    assert is_slug(id_of_model(model))
    assert id_of_model(model) != id_of_model(f"{model}x")
