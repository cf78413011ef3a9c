"""Flipped bits in the database: what is damaged is told, and what is not works on."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from doorbus.wire.messages import Rights, Update
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_store, unit
from doorbus_enroller.register import Register
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.sqlite_store import SqliteStore
from doorbus_enroller.store import Sample, StorageFailed

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEAL = Seal(bytes(range(32)))
MODEL = "MobileFaceNet@1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of a few people, as a file holds it."""
    path = tmp_path_factory.mktemp("whole") / "enroller.db"
    store = SqliteStore(path)
    store.begin(NOON)
    chance = np.random.default_rng(1)
    for number in range(8):
        person = f"person{number}"
        samples = [
            Sample(to_store(unit(values), person, SEAL), MODEL, 0.5, f"{one:064x}", NOON)
            for one, values in enumerate(chance.standard_normal((2, 192)))
        ]
        store.add(person, samples, Rights(name=f"Zoë {number}", doors=("front",)), NOON)
    store.close()
    return path.read_bytes()


def outcomes(path: Path) -> list[str]:
    """What becomes of reading everybody, and of disabling, removing and disabling somebody; only these two ways."""
    register = Register(SqliteStore(path), SEAL)
    requests: tuple[Callable[[datetime], Outcome], ...] = (
        register.refresh,
        partial(register.persons.update, "person3", Update(enabled=False)),
        partial(register.persons.remove, "person5"),
        partial(register.persons.update, "person7", Update(enabled=False)),
    )
    told = []
    for request in requests:
        try:
            outcome = request(NOON)
        except StorageFailed as failed:
            names_file_and_way_out = str(failed).startswith(f"{path}: ") and "; " in str(failed)
            told.append("storage_failed" if names_file_and_way_out and str(failed).isprintable() else repr(failed))
        else:
            told.append("ok" if outcome.fault is None else outcome.fault.code.value)
    assert (register.problem() or "").isprintable()
    register.close()
    return told


@pytest.mark.parametrize("seed", range(4))
def test_whatever_bit_is_flipped_it_is_told_as_a_failure_of_the_storage_or_does_no_harm(
    whole: bytes, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # the same flips every time
    seen: Counter[str] = Counter()
    for number in range(75):
        flipped = bytearray(whole)
        for _ in range(chance.choice((1, 1, 1, 8))):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"{number}.db"
        path.write_bytes(flipped)
        seen.update(outcomes(path))
    assert seen.keys() <= {"ok", "storage_failed", "unknown_person"}
    assert seen["ok"] > 4 * seen["storage_failed"]


@pytest.mark.parametrize("length", [1, 100, 4096, 5000])
def test_a_file_that_was_cut_off_is_told(whole: bytes, tmp_path: Path, length: int) -> None:
    path = tmp_path / "enroller.db"
    path.write_bytes(whole[:length])
    assert outcomes(path) == ["storage_failed"] * 4
    assert path.read_bytes() == whole[:length]


def test_one_flipped_bit_in_a_template_keeps_one_sample_out_and_nobody_else(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "enroller.db"
    path.write_bytes(whole)
    store = SqliteStore(path)
    person = store.find("person2", NOON)
    assert person is not None
    store.close()
    flipped = bytearray(path.read_bytes())
    flipped[flipped.index(person.samples[0].template[:64])] ^= 1
    path.write_bytes(flipped)
    register = Register(SqliteStore(path), SEAL)
    register.refresh(NOON)
    problem = register.problem()
    assert problem is not None
    assert "1 sample of person2;" in problem
    assert register.people == {f"person{number}": 1 if number == 2 else 2 for number in range(8)}
    register.close()
