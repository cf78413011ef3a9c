"""Two processes under one name: exactly one of them goes, and never the one at work."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.presence import SETTLED_SECONDS, Answer, on_health
from doorbus.wire.messages import Health, Presence

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ages = st.floats(0, 1e6)


def _health(started_at: datetime, state: Presence = Presence.ONLINE) -> Health:
    return Health(state=state, service="capture", instance="one", version="1", at=NOON, started_at=started_at)


@given(moments, ages)
def test_hearing_oneself_is_no_reason_for_anything(started: datetime, connected: float) -> None:
    assert all(
        on_health(_health(started), started, connected, again=again) is Answer.NOTHING for again in (False, True)
    )


@given(moments, moments, ages)
def test_a_late_last_will_is_contradicted_whoever_it_is_of(ours: datetime, theirs: datetime, connected: float) -> None:
    assert on_health(_health(theirs, Presence.OFFLINE), ours, connected, again=True) is Answer.SPEAK


@given(moments, moments, st.floats(0, SETTLED_SECONDS, exclude_max=True), st.floats(0, SETTLED_SECONDS))
def test_of_two_that_meet_at_most_one_yields(ours: datetime, theirs: datetime, mine: float, other: float) -> None:
    answers = [on_health(_health(theirs), ours, mine, again=True), on_health(_health(ours), theirs, other, again=True)]

    assert answers.count(Answer.YIELD) <= 1


@given(moments, moments, ages, st.floats(0, SETTLED_SECONDS, exclude_max=True))
def test_the_one_at_work_stays_and_the_newcomer_goes_or_is_told(
    ours: datetime, theirs: datetime, beyond: float, new: float
) -> None:
    assert on_health(_health(theirs), ours, SETTLED_SECONDS + beyond, again=True) is not Answer.YIELD
    if ours > theirs:
        assert on_health(_health(theirs), ours, new, again=True) is Answer.YIELD


def test_of_two_newcomers_the_first_stays() -> None:
    earlier, later = NOON, NOON + timedelta(seconds=1)

    assert on_health(_health(later), earlier, 1.0, again=True) is Answer.SPEAK
    assert on_health(_health(earlier), later, 1.0, again=True) is Answer.YIELD


@given(moments, moments, ages)
def test_nobody_goes_for_what_is_heard_once_because_it_may_be_of_the_dead(
    ours: datetime, theirs: datetime, connected: float
) -> None:
    assert on_health(_health(theirs), ours, connected, again=False) is not Answer.YIELD
