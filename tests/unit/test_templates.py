"""Templates on their way from recognizer to enroller to recognizer, and at rest."""

import base64
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.messages import GalleryEntry
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, pack
from doorbus.wire.templates import (
    Template,
    from_gallery,
    from_reply,
    from_store,
    mean,
    to_gallery,
    to_reply,
    to_store,
    unit,
)
from doorbus_enroller.known_faces import KnownFaces
from doorbus_recognizer.calibration import MOBILEFACENET
from doorbus_recognizer.matching import Block, Gallery
from support.snapshots import parts

SEAL = Seal(bytes(range(32)))
FORTH = unit([0.6, -0.8, 0.0])
FORTH_BYTES = struct.pack("<3f", 0.6, -0.8, 0.0)

seeds = st.integers(0, 2**32 - 1)


def made(seed: int) -> Template:
    return unit(np.random.default_rng(seed).standard_normal(192))


@given(seeds)
def test_a_template_comes_out_of_each_of_its_forms_as_it_went_in(seed: int) -> None:
    template = made(seed)

    for back in (
        from_reply(to_reply(template, SEAL), SEAL),
        from_store(to_store(template, "alice", SEAL), "alice", SEAL),
        from_gallery(to_gallery(template)),
    ):
        assert back == pytest.approx(template, abs=1e-7)
        assert back.dtype == np.float32


def test_the_forms_are_those_that_other_versions_read_and_databases_hold() -> None:
    assert SEAL.unseal(base64.b64decode(to_reply(FORTH, SEAL)), "embedding") == FORTH_BYTES
    assert SEAL.unseal(to_store(FORTH, "alice", SEAL), "sample alice") == FORTH_BYTES
    assert base64.b64decode(to_gallery(FORTH)) == FORTH_BYTES


def test_a_template_sealed_for_one_place_is_worth_nothing_in_another() -> None:
    kept, reply = to_store(FORTH, "alice", SEAL), base64.b64decode(to_reply(FORTH, SEAL))
    wrong: tuple[Callable[[], Template], ...] = (
        lambda: from_store(kept, "mallory", SEAL),
        lambda: from_store(reply, "alice", SEAL),
        lambda: from_reply(base64.b64encode(kept).decode(), SEAL),
        lambda: from_reply(to_reply(FORTH, SEAL), Seal(bytes(32))),
    )

    for reading in wrong:
        with pytest.raises(Refused) as refused:
            reading()
        assert refused.value.reason is Refusal.UNSEALED


@pytest.mark.parametrize(
    "text",
    ["", "AAAA", "AAAAA", "no base64", "ä", to_gallery(np.zeros(3, np.float32)), to_gallery(np.full(3, np.nan, "f4"))],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        from_gallery(text)
    assert refused.value.reason is Refusal.WRONG_SHAPE


@given(st.lists(seeds, min_size=1, max_size=5).flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_the_mean_is_of_unit_length_and_asks_for_no_order(orders: tuple[list[int], list[int]]) -> None:
    one, other = (mean(map(made, seeds)) for seeds in orders)

    assert float(np.linalg.norm(one)) == pytest.approx(1, abs=1e-6)
    assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("templates", [[], [FORTH, -FORTH], [FORTH, FORTH[:2]], [FORTH, [0, 0, 0]]])
def test_templates_without_a_mean_are_refused(templates: list[Template]) -> None:
    with pytest.raises(Refused):
        mean(templates)


@given(st.lists(st.lists(seeds, min_size=1, max_size=4), min_size=1, max_size=4), seeds)
def test_a_face_is_as_similar_to_everybody_when_it_is_enrolled_as_when_it_is_recognised(
    samples: list[list[int]], seed: int
) -> None:
    probe = made(seed)
    faces = KnownFaces()
    for number, each in enumerate(samples):
        faces.put(f"p{number}", mean(map(made, each)), "m@1")
    known = faces.similarities(probe).tolist()
    assume(len(set(known)) == len(known))

    entries = [
        GalleryEntry(person=f"p{number}", templates=tuple(to_gallery(made(one)) for one in each))
        for number, each in enumerate(samples)
    ]
    blocks = parts(SnapshotReader(GalleryEntry, Block.read, SEAL), pack(entries, 7, "m@1", SEAL))
    match = Gallery.of(blocks, "m@1").match(probe, MOBILEFACENET)

    expected = sorted(known, reverse=True)
    assert match.similarity == pytest.approx(expected[0], abs=1e-5)
    assert match.runner_up == (pytest.approx(expected[1], abs=1e-5) if len(expected) > 1 else None)
