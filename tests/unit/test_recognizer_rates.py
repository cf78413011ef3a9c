"""Error rates, and the threshold that they speak for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.templates import Template, unit
from doorbus_recognizer.calibration import MOBILEFACENET
from doorbus_recognizer.rates import SETTINGS, advised, pairs, rate_at, searches, shares


def people(count: int, pictures: int, spread: float = 0.03) -> dict[str, list[Template]]:
    """People whose pictures are alike, and nobody else's."""
    random = np.random.default_rng(1)
    axes = np.eye(64)[:count]
    return {
        f"p{number}": [unit(axis + spread * random.standard_normal(64)) for _ in range(pictures)]
        for number, axis in enumerate(axes)
    }


def test_pairs_are_of_the_same_person_or_of_different_ones_each_once() -> None:
    genuine, impostor = pairs(people(4, 3))

    assert (len(genuine), len(impostor)) == (4 * 3, 6 * 9)
    assert (genuine.min() > 0.8, impostor.max() < 0.4) == (True, True)


def test_in_a_search_everybody_finds_themselves_and_nobody_finds_a_stranger() -> None:
    own, strangers = searches(people(5, 4), samples=3)

    assert (len(own), len(strangers)) == (20, 20)
    assert (own.min() > 0.8, strangers.max() < 0.4) == (True, True)


def test_who_is_more_like_somebody_else_does_not_find_themselves() -> None:
    given_people = people(3, 3)
    given_people["p0"][0] = given_people["p1"][0]

    own, _ = searches(given_people, samples=2)

    assert own[0] == -1


@given(st.lists(st.floats(-1, 1), min_size=1), st.lists(st.floats(-1, 1), min_size=1), st.floats(0, 1))
def test_no_more_of_the_wrong_ones_pass_than_are_allowed(right: list[float], wrong: list[float], share: float) -> None:
    rate = rate_at(np.array(right), np.array(wrong), share)

    assert float((np.array(wrong) >= rate.threshold).mean()) <= share
    assert 0 <= rate.right <= 1


def test_the_threshold_that_is_advised_lets_no_stranger_in() -> None:
    here = MOBILEFACENET.among(50)
    strangers = np.array([0.1, 0.2, here.similarity(0.86)])

    assert advised(strangers, MOBILEFACENET, 50) == pytest.approx(0.9)
    assert shares(strangers, MOBILEFACENET, 50)[SETTINGS.index(0.85)] == pytest.approx(1 / 3)


def test_few_strangers_are_no_reason_to_go_below_the_default() -> None:
    assert advised(np.zeros(100), MOBILEFACENET, 10) == pytest.approx(0.8)
    assert advised(np.zeros(30_000), MOBILEFACENET, 10) == pytest.approx(0.5)


def test_where_strangers_pass_everywhere_nothing_is_advised() -> None:
    assert advised(np.ones(10), MOBILEFACENET, 10) is None


@pytest.mark.parametrize(
    "names", [("obama.jpg", "obama2.jpg", "obama3.jpg"), ("obama.jpg",)], ids=["enough", "too few"]
)
def test_a_site_is_told_its_threshold_from_its_pictures(
    names: tuple[str, ...], samples: Path, repository: Path, tmp_path: Path
) -> None:
    for person, files in {"obama": names, "biden": ("biden.jpg",)}.items():
        (tmp_path / person).mkdir()
        for name in files:
            (tmp_path / person / name).write_bytes((samples / name).read_bytes())

    told = subprocess.run(
        [sys.executable, "-m", "doorbus.cli", "calibrate", str(tmp_path), "--samples", "2"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )

    if len(names) > 1:
        assert told.returncode == 0, told.stderr
        assert told.stdout.splitlines()[-1] == "DOORBUS_ACTUATOR__THRESHOLD=0.8"
    else:
        assert told.returncode == 1
        assert "faces of 2 people, 1 pictures of one at most" in told.stderr
