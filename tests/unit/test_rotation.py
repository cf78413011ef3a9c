"""Sealing with another site key: when it is time, and what becomes of what is there."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorbus.runtime.keyholders import Holdings
from doorbus.site.secrets import Site, SiteError
from doorbus.wire import channels
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Outbound
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.messages import ExportPeople, Health, Manifest, Presence, Rights, Update
from doorbus.wire.purposes import of_face, of_sample
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SHARD_BYTES, key_of
from doorbus.wire.templates import to_store, unit
from doorbus_enroller.holders import SETTLE_SECONDS, Holders
from doorbus_enroller.register import Register
from doorbus_enroller.resealing import BATCH
from doorbus_enroller.sqlite_store import SqliteStore
from doorbus_enroller.store import Person, Sample

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FORMER, NEW = bytes(range(32)), bytes(range(1, 33))
FORMER_ID, NEW_ID = Seal(FORMER).key_id, Seal(NEW).key_id
MODEL = "MobileFaceNet@1"


# A seal with several keys.


def test_what_either_of_two_keys_has_sealed_can_be_read_and_the_former_one_seals_until_told_otherwise() -> None:
    both = Seal(NEW, FORMER)
    assert [both.unseal(Seal(key).seal(b"x", "y"), "y") for key in (NEW, FORMER)] == [b"x", b"x"]
    assert both.sealed_with(both.seal(b"x", "y"), "y") == both.key_id == FORMER_ID

    both.use(NEW_ID)
    assert both.sealed_with(both.seal(b"x", "y"), "y") == both.key_id == NEW_ID
    assert both.key_ids == (NEW_ID, FORMER_ID)


def test_a_key_that_is_sealed_with_is_not_taken_away() -> None:
    seal = Seal(FORMER)
    assert not seal.hold((NEW,))
    assert seal.key_ids == (FORMER_ID,)
    assert seal.hold((NEW, FORMER))
    seal.use(NEW_ID)
    assert seal.hold((NEW,))
    with pytest.raises(Refused):
        seal.unseal(Seal(FORMER).seal(b"x", "y"), "y")


def test_recognizers_stay_in_one_group_while_some_have_the_new_key_and_some_have_not() -> None:
    assert Seal(NEW, FORMER).secret_name("group") == Seal(FORMER).secret_name("group") != Seal(NEW).secret_name("group")


# When it is time.


@given(
    st.dictionaries(st.sampled_from("abcd"), st.sets(st.sampled_from([FORMER_ID, NEW_ID]), min_size=1)), st.floats(0, 9)
)
def test_nothing_is_sealed_with_a_key_that_a_recognizer_lacks_or_before_all_have_told(
    recognizers: dict[str, set[str]], seconds: float
) -> None:
    holders = Holders().connected(100.0)
    for name, keys in recognizers.items():
        holders = holders.told(name, keys)

    everybody = all(NEW_ID in keys for keys in recognizers.values())
    assert holders.all_have(NEW_ID, 100.0 + seconds) == (everybody and seconds >= SETTLE_SECONDS)
    for name in [name for name, keys in recognizers.items() if NEW_ID not in keys]:
        holders = holders.gone(name)
    assert holders.all_have(NEW_ID, 100.0 + SETTLE_SECONDS)


def test_a_key_is_never_used_before_there_is_a_connection() -> None:
    assert not Holders().all_have(NEW_ID, 1e9)


def health(service: str, used: str, *taken: str, left: int = 0, state: Presence = Presence.ONLINE) -> Health:
    figures = {"sealed_formerly": left}
    of = {"state": state, "service": service, "instance": "one", "version": "1", "at": NOON, "started_at": NOON}
    return Health.model_validate({**of, "site_key": used, "site_keys": taken, "figures": figures})


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ([health("enroller", NEW_ID, NEW_ID, FORMER_ID)], []),
        ([], ["no enroller is online"]),
        ([health("enroller", FORMER_ID, FORMER_ID, state=Presence.OFFLINE)], ["no enroller is online"]),
        ([health("enroller", FORMER_ID, NEW_ID, FORMER_ID)], ["enroller/one waits until all have the new key"]),
        ([health("enroller", NEW_ID, NEW_ID, FORMER_ID, left=7)], ["enroller/one has 7 left to seal anew"]),
        (
            [health("enroller", NEW_ID, NEW_ID), health("recognizer", FORMER_ID)],  # of a former version
            ["recognizer/one has not got the new key: give it the file, and restart it where it has a copy of its own"],
        ),
    ],
)
def test_it_is_told_who_is_waited_for(others: Sequence[Health], why: list[str]) -> None:
    holdings = Holdings()
    for one in others:
        holdings = holdings.hear(one)
    assert holdings.waiting_for(NEW_ID) == why


def test_the_former_key_goes_out_of_the_file_only_when_asked(tmp_path: Path) -> None:
    site = Site(tmp_path / "secrets")
    site.make(now=NOON)
    path = site.directory / "site.key"
    (former,) = read_keys(path)
    site.rotate_site_key()
    site.rotate_site_key()  # goes on with the one that is under way
    new, second = read_keys(path)
    assert second == former != new
    site.make(now=NOON)
    assert read_keys(path) == (new, former)
    site.rotate_site_key(finish=True)
    site.rotate_site_key(finish=True)
    assert read_keys(path) == (new,)
    path.write_text("no key\n")
    with pytest.raises(SiteError, match="bring it back from a copy"):
        site.rotate_site_key()
    assert path.read_text() == "no key\n"


# What becomes of what is there.


class Kept:
    """A database of people, and the enroller's register on it; a kill is another register."""

    def __init__(self, path: Path, people: int, samples: int = 2) -> None:
        self.path = path
        self.expected: dict[str, Rights] = {}
        store = SqliteStore(path)
        store.begin(NOON)
        chance = np.random.default_rng(1)
        for number in range(people):
            person = f"person-{number:04}"
            kept = []
            for one, values in enumerate(chance.standard_normal((samples, 192))):
                picture = f"{number:060x}{one:04x}"
                template = to_store(unit(values), person, Seal(FORMER))
                face = Seal(FORMER).seal(values.tobytes(), of_face(person))
                kept.append(Sample(template, MODEL, 0.5, picture, NOON, face=face))
            store.add(person, kept, Rights(), NOON)
            self.expected[person] = Rights()
        store.close()
        self.samples = samples
        self.keys: tuple[bytes, ...] = (FORMER,)
        self.seal = Seal(FORMER)
        self.register = Register(SqliteStore(path), self.seal)
        self.heard = list(self.register.refresh(NOON).news)

    def killed(self) -> None:
        self.seal = Seal(*self.keys)
        self.register = Register(SqliteStore(self.path), self.seal)
        self.heard = list(self.register.refresh(NOON).news)

    def begins(self) -> None:
        self.keys = (NEW, FORMER)
        assert self.seal.hold(self.keys)
        self.register.site_keys.turn_to(NEW_ID)

    def goes_on(self) -> bool:
        if self.register.site_keys.left:
            self.heard += self.register.site_keys.seal_anew(NOON).news
        return self.register.site_keys.left > 0

    def sealed_with(self) -> Counter[str]:
        """How many samples and faces are sealed with each key."""
        counts: Counter[str] = Counter()
        for each in self.people():
            for one in each.samples:
                assert one.face is not None
                counts[self.seal.sealed_with(one.template, of_sample(each.person))] += 1
                counts[self.seal.sealed_with(one.face, of_face(each.person))] += 1
        return counts

    def people(self) -> list[Person]:
        store = SqliteStore(self.path)
        found = [store.find(person, NOON, faces=True) for person in store.people(NOON).rights]
        store.close()
        return [each for each in found if each]

    def check(self) -> None:
        assert {each.person: each.rights for each in self.people()} == self.expected
        assert self.sealed_with().total() == 2 * self.samples * len(self.expected)
        assert self.register.people == dict.fromkeys(self.expected, self.samples)
        assert self.register.problem() is None

    def manifests(self) -> list[Manifest]:
        return [each.message for each in self.heard if each.channel is channels.GALLERY_MANIFEST]

    def shards(self) -> list[Outbound]:
        return [each for each in self.heard if each.channel is channels.GALLERY_SHARD]


def test_everything_is_sealed_anew_and_published_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "enroller.db", 3 * BATCH + 1)
    before = kept.manifests()[-1]
    assert len(before.shards) > 1, f"more than {SHARD_BYTES} bytes"
    kept.heard.clear()
    kept.begins()
    steps = [kept.register.site_keys.left]
    while kept.goes_on():
        steps.append(kept.register.site_keys.left)
        assert not kept.heard
    kept.check()

    assert steps == [3 * BATCH + 2, 2 * BATCH + 2, BATCH + 2, 2]
    assert kept.sealed_with() == {NEW_ID: 4 * (3 * BATCH + 1)}
    (after,) = kept.manifests()
    assert after.version > before.version
    assert key_of(after, Seal(NEW)) == NEW_ID
    named = [f"{number}" for number in range(len(after.shards))]
    assert [shard.ids["shard"] for shard in kept.shards() if shard.message] == named
    assert not set(after.shards) & set(before.shards)
    assert not [each for each in kept.heard if each.channel in {channels.ROSTER_MANIFEST, channels.ROSTER_SHARD}]

    assert kept.seal.hold((NEW,))
    kept.keys = (NEW,)
    kept.killed()
    kept.check()


def test_nothing_that_the_former_key_opens_is_left_in_the_file(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "enroller.db", 3)
    former = [sample.template for each in kept.people() for sample in each.samples]
    former += [sample.face or b"" for each in kept.people() for sample in each.samples]
    kept.begins()
    while kept.goes_on():
        pass

    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert not [sealed for sealed in former if sealed[12:60] in content], path


@settings(max_examples=12)  # each is some hundred transactions
@given(st.lists(st.sampled_from(["goes on", "is killed", "update", "remove", "restore", "gives up"]), max_size=8))
def test_whatever_happens_amid_a_rotation_nobody_is_lost_and_it_ends(
    tmp_path_factory: pytest.TempPathFactory, story: list[str]
) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept") / "enroller.db", BATCH + 3, 1)
    saved = kept.people()[:2]
    kept.begins()
    for event in story:
        if event == "goes on":
            kept.goes_on()
        elif event == "is killed":
            kept.killed()
        elif event == "update":
            kept.register.persons.update("person-0005", Update(name="Zoë"), NOON)
            kept.expected["person-0005"] = Rights(name="Zoë")
        elif event == "remove":
            kept.register.persons.remove("person-0001", NOON)
            kept.expected.pop("person-0001", None)
        elif event == "restore":  # with what was sealed with the former key
            kept.register.backup.restore(saved, NOON)
            kept.expected |= {each.person: Rights() for each in saved}
        elif not kept.register.site_keys.left:  # another way round
            kept.keys = (FORMER, NEW)
            assert kept.seal.hold(kept.keys)
            kept.register.site_keys.turn_to(FORMER_ID)
        assert kept.register.people == dict.fromkeys(kept.expected, 1)
        assert kept.register.problem() is None

    newest = Seal(kept.keys[0]).key_id
    if kept.seal.key_id != newest or not kept.register.site_keys.left:
        kept.register.site_keys.turn_to(newest)
    while kept.goes_on():
        pass
    kept.check()
    assert set(kept.sealed_with()) == {newest}
    assert kept.register.backup.export(ExportPeople(), NOON)[1].left_out == 0
