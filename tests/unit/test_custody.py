"""What somebody else has written in the enroller's place: when it is put right, and what is outrun."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from doorbus_enroller.custody import AGAIN_SECONDS, BATCH, CREDIBLE, MOST, OUTRUN_SECONDS, TOLD_SECONDS, Custody, Race
from doorbus_enroller.store import Versions

WRITES = st.lists(st.tuples(st.floats(0, 0.3), st.sampled_from(["manifest", "shard/0", "shard/1"])), max_size=60)


@given(WRITES)
def test_every_topic_is_put_right_after_its_last_write_and_once_a_second_at_most(
    writes: list[tuple[float, str]],
) -> None:
    custody, now = Custody(), 100.0
    written: dict[str, float] = {}
    righted: dict[str, list[float]] = {}

    def put_right(until: float) -> None:
        nonlocal custody
        while (due := custody.due_at()) is not None and due <= until:
            custody, topics = custody.put_right(due)
            for topic in topics:
                righted.setdefault(topic, []).append(due)

    for pause, topic in writes:
        put_right(now + pause)
        now += pause
        custody = custody.found(topic, now)
        written[topic] = now
    put_right(now + 2 * AGAIN_SECONDS)

    assert custody.due_at() is None
    assert custody.count == sum(map(len, righted.values()))
    for topic, last in written.items():
        times = righted[topic]
        assert last <= times[-1] <= last + AGAIN_SECONDS
        assert all(after - before >= AGAIN_SECONDS - 1e-9 for before, after in pairwise(times))


def test_a_thousand_invented_topics_are_put_right_in_portions_and_more_are_not_remembered() -> None:
    custody = Custody()
    for number in range(MOST + 10):
        custody = custody.found(f"shard/{number}", 0.0)

    portions = []
    while (due := custody.due_at()) is not None:
        custody, topics = custody.put_right(due)
        portions.append((due, len(topics)))

    assert sum(count for _, count in portions) == MOST
    assert max(count for _, count in portions) == BATCH
    assert len({at for at, _ in portions}) == len(portions)


def test_health_tells_of_it_for_a_while() -> None:
    custody, _ = Custody().found("roster/manifest", 5.0).put_right(5.0)

    assert "1 messages were put right, the last one on roster/manifest" in (custody.problem(6.0) or "")
    assert custody.problem(5.1 + TOLD_SECONDS) is None
    assert Custody().problem(0.0) is None


@given(st.lists(st.tuples(st.sampled_from(["roster", "gallery"]), st.integers(0, 2**60)), min_size=1))
def test_the_highest_version_that_can_be_one_is_outrun(seen: list[tuple[str, int]]) -> None:
    race = Race()
    for name, version in seen:
        race = race.seen(**{name: version})
    credible = {
        name: max((version for each, version in seen if each == name and version < CREDIBLE), default=-1)
        for name in ("roster", "gallery")
    }

    after, others = race.run(0.0)

    assert others == (None if max(credible.values()) < 0 else Versions(**credible))
    assert after.due_at() is None


def test_two_who_outrun_each_other_do_so_once_in_a_while() -> None:
    race, _ = Race().seen(roster=7).run(10.0)

    again = race.seen(roster=8)

    assert again.run(10.1) == (again, None)
    assert again.due_at() == 10.0 + OUTRUN_SECONDS
    assert again.run(10.0 + OUTRUN_SECONDS)[1] == Versions(8, -1)
