"""How long something may have been under way: never said to be less than it was."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from doorbus.runtime.echo import Echo

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_nothing_is_known_until_something_has_come_back() -> None:
    echo = Echo()
    assert echo.longest_way(1.0) is None

    echo.sent(NOON, 1.0)
    assert echo.longest_way(2.0) is None

    echo.heard(NOON)
    assert echo.longest_way(3.0) == 2.0


def test_a_new_connection_knows_nothing_of_the_old_one() -> None:
    echo = Echo()
    echo.sent(NOON, 1.0)
    echo.connected()
    echo.heard(NOON)

    assert echo.longest_way(2.0) is None


@given(st.lists(st.floats(0, 5), min_size=1, max_size=40), st.floats(0, 60), st.integers(0, 39))
def test_a_message_is_never_older_than_the_longest_way(gaps: list[float], delay: float, hidden: int) -> None:
    """The broker passes a message on right after the beat number `hidden` of ours; all comes `delay` seconds late."""
    echo, now, sent_at = Echo(), 0.0, []
    for number, gap in enumerate(gaps):
        now += gap
        echo.sent(NOON + timedelta(seconds=number), now)
        sent_at.append(now)
    after = min(hidden, len(gaps) - 1)
    for number in range(after + 1):
        echo.heard(NOON + timedelta(seconds=number))
    passed_on = sent_at[after]

    way = echo.longest_way(now + delay)

    assert way is None or way >= now + delay - passed_on
