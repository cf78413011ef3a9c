"""What runs the models, and when a face is embedded in the mirror as well."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Verdict
from doorbus.wire.templates import Template, unit
from doorbus_recognizer.calibration import MOBILEFACENET, Scale
from doorbus_recognizer.decode import decode
from doorbus_recognizer.faces import Image, Landmarks, Located
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.matching import MIRRORED_APART, SURE_CONFIDENCE, Gallery
from doorbus_recognizer.models.choice import ModelUnavailable, Precision, RuntimeChoice
from doorbus_recognizer.models.fakes import FakeRuntime
from doorbus_recognizer.models.mobilefacenet import MobileFaceNet
from doorbus_recognizer.vision import Vision

FACES = ("obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg", "biden.jpg")


@pytest.fixture(scope="module")
def openvino(weights: Path) -> Vision:
    pytest.importorskip("openvino", reason="there are no wheels of it for this machine", exc_type=ImportError)
    return build_vision(weights_dir=weights, runtime=RuntimeChoice.OPENVINO)


@pytest.fixture(scope="module")
def litert(weights: Path) -> Vision:
    return build_vision(weights_dir=weights, runtime=RuntimeChoice.LITERT)


def picture(samples: Path, name: str) -> Image:
    return decode((samples / name).read_bytes()).image


def dim(image: Image) -> Image:
    return np.asarray(image // 3, dtype=np.uint8)


# The same whatever runs the models


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("half", [False, True], ids=["whole", "half the size"])
def test_every_runtime_sees_the_same_in_a_picture(
    name: str, openvino: Vision, litert: Vision, samples: Path, *, half: bool
) -> None:
    image = picture(samples, name)
    if half:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5), dtype=np.uint8)

    ours, theirs = openvino.see(image)[0], litert.see(image)[0]

    assert len(ours) == len(theirs) == 1
    one, other = ours[0], theirs[0]
    assert 1 - float(one.template @ other.template) <= 1e-5
    assert one.box == pytest.approx(other.box, abs=0.01)
    assert one.points == pytest.approx(other.points, abs=0.05)
    assert (one.pose.yaw, one.pose.pitch) == pytest.approx((other.pose.yaw, other.pose.pitch), abs=0.1)
    assert one.live == pytest.approx(other.live, abs=0.001)


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_pictures_show_the_same_side_by_side_as_one_by_one(
    lanes: int, openvino: Vision, weights: Path, samples: Path
) -> None:
    crowd = build_vision(weights_dir=weights, runtime=RuntimeChoice.OPENVINO, lanes=lanes)
    images = [picture(samples, name) for name in FACES]

    with ThreadPoolExecutor(4) as callers:
        together = list(callers.map(lambda image: crowd.see(image)[0][0], images * 3))

    alone = [openvino.see(image)[0][0] for image in images] * 3
    assert max(1 - float(a.template @ b.template) for a, b in zip(together, alone, strict=True)) <= 1e-5
    assert [face.live for face in together] == pytest.approx([face.live for face in alone], abs=0.001)
    assert [face.box for face in together] == [pytest.approx(face.box, abs=0.01) for face in alone]


def test_galleries_of_every_runtime_go_together(openvino: Vision, litert: Vision) -> None:
    assert openvino.model_id == litert.model_id
    assert (openvino.runtime, litert.runtime) == ("openvino", "litert")


def test_without_a_choice_the_fastest_runtime_that_is_installed_runs(openvino: Vision, weights: Path) -> None:
    assert build_vision(weights_dir=weights).runtime == openvino.runtime


# What cannot be had


def test_a_device_that_is_not_there_is_named_and_the_cpu_takes_its_place(
    openvino: Vision, weights: Path, samples: Path
) -> None:
    elsewhere = build_vision(weights_dir=weights, runtime=RuntimeChoice.OPENVINO, device="GPU.7")
    image = picture(samples, "obama.jpg")

    (face,), _ = elsewhere.see(image)

    assert elsewhere.problem is not None
    assert "GPU.7" in elsewhere.problem
    assert "CPU" in elsewhere.problem
    assert openvino.problem is None
    assert float(face.template @ openvino.see(image)[0][0].template) > 0.9999


def test_litert_says_that_it_has_no_other_device(weights: Path) -> None:
    vision = build_vision(weights_dir=weights, runtime=RuntimeChoice.LITERT, device="GPU")

    assert vision.problem == "LiteRT has no device GPU, and runs on the CPU"


def test_litert_is_not_asked_for_templates_that_it_cannot_make(weights: Path) -> None:
    with pytest.raises(ModelUnavailable, match="precision bf16 needs the runtime openvino"):
        build_vision(weights_dir=weights, runtime=RuntimeChoice.LITERT, precision=Precision.BF16)


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.F16])
def test_templates_of_another_precision_have_a_name_of_their_own_or_are_not_made(
    precision: Precision, openvino: Vision, weights: Path
) -> None:
    try:
        name = build_vision(weights_dir=weights, runtime=RuntimeChoice.OPENVINO, precision=precision).model_id
    except ModelUnavailable as error:  # not every processor reckons with every number
        assert str(precision) in str(error)  # noqa: PT017
    else:
        assert name == f"{openvino.model_id}/{precision}"


# The mirror image


def face(seed: int) -> Located:
    aligned = np.random.default_rng(seed).integers(0, 255, (112, 112, 3), dtype=np.uint8)
    return Located(Landmarks(np.zeros((468, 3)), 1.0), aligned)


def test_a_face_that_is_settled_is_not_embedded_a_second_time() -> None:
    runtime = FakeRuntime()
    embedder = MobileFaceNet(runtime, "d8ba40c0")
    image = face(0).aligned

    embedder.embed(image, face(0), lambda _: True)
    embedder.embed(image, face(0), lambda _: False)
    embedder.embed(image, face(0))

    assert runtime.runners[0].runs == 1 + 2 + 2


def test_a_template_of_face_and_mirror_image_is_the_same_one_by_one_and_at_once() -> None:
    one_by_one, at_once = (MobileFaceNet(FakeRuntime(number), "d8ba40c0") for number in (1, 2))
    image = face(1).aligned

    assert one_by_one.embed(image, face(1)) == pytest.approx(at_once.embed(image, face(1)))
    assert one_by_one.embed(image, face(1)) == pytest.approx(at_once.embed(image, face(1), lambda _: True))


def vector(similarities: list[float]) -> Template:
    """A template with these similarities to the people of `gallery_of`, whose axes are their templates."""
    rest = np.sqrt(max(0.0, 1 - float(np.square(similarities).sum())))
    return unit(np.array([*similarities, rest]))


def gallery_of(people: int) -> Gallery:
    return Gallery.build({f"person-{index}": [row] for index, row in enumerate(np.eye(people + 1)[:people])}, "fake@1")


def settled_by(gallery: Gallery, alone: Template, scale: Scale, margin: float | None = None) -> bool:
    return gallery.settled(gallery.match(alone, scale, margin), scale, margin)


@given(
    alone=st.lists(st.floats(-0.2, 0.9), min_size=1, max_size=3).filter(lambda row: float(np.square(row).sum()) < 1),
    moves=st.lists(st.floats(-MIRRORED_APART, MIRRORED_APART), min_size=3, max_size=3),
    threshold=st.floats(0.5, SURE_CONFIDENCE),
    margin=st.none() | st.floats(0, 0.5),
)
def test_what_is_settled_without_the_mirror_image_comes_out_the_same_with_it(
    alone: list[float], moves: list[float], threshold: float, margin: float | None
) -> None:
    gallery = gallery_of(len(alone))
    both = [one + move for one, move in zip(alone, moves, strict=False)]
    if float(np.square(both).sum()) >= 1 or not settled_by(gallery, vector(alone), MOBILEFACENET, margin):
        return

    before, after = (gallery.match(vector(row), MOBILEFACENET, margin) for row in (alone, both))

    assert (after.verdict, after.person) == (before.verdict, before.person)
    assert (after.confidence >= threshold) == (before.confidence >= threshold)


@pytest.mark.parametrize("similarity", [0.1, 0.39, 0.9])
def test_a_clear_case_is_settled(similarity: float) -> None:
    assert settled_by(gallery_of(1), vector([similarity]), MOBILEFACENET)


@pytest.mark.parametrize("similarities", [[0.41], [0.5], [0.6], [0.75], [0.8, 0.55]])
def test_a_case_near_to_any_border_is_not_settled(similarities: list[float]) -> None:
    assert not settled_by(gallery_of(len(similarities)), vector(similarities), MOBILEFACENET)


def test_before_anybody_is_enrolled_every_face_is_settled() -> None:
    assert settled_by(Gallery.empty(), vector([0.5]), MOBILEFACENET)


def test_no_decision_about_the_samples_hangs_on_the_mirror_image(openvino: Vision, samples: Path) -> None:
    enrolled = openvino.see(picture(samples, "obama.jpg"))[0][0].template
    gallery = Gallery.build({"obama": [enrolled]}, openvino.model_id)

    def settled(template: Template) -> bool:
        asked.append(settled_by(gallery, template, openvino.scale))
        return asked[-1]

    asked: list[bool] = []
    outcomes: list[tuple[Verdict, bool]] = []
    for name in FACES:
        for image in (picture(samples, name), dim(picture(samples, name))):
            pair = [openvino.see(image, how)[0][0].template for how in (settled, None)]
            found = [gallery.match(template, openvino.scale) for template in pair]
            early, late = ((one.verdict, one.confidence >= 0.8) for one in found)
            assert early == late, name
            outcomes.append(late)

    assert asked.count(True) >= len(asked) - 2
    assert outcomes.count((Verdict.MATCH, True)) == 10
    assert outcomes.count((Verdict.UNKNOWN, False)) == 2


def test_nobody_is_told_that_the_models_run(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="there are no wheels of it for this machine", exc_type=ImportError)
    code = (
        "import sys, threading; from pathlib import Path; from doorbus_recognizer.factory import build_vision\n"
        "def at_work(event, _):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'): print(event, flush=True)\n"
        "sys.addaudithook(at_work)\n"
        f"vision = build_vision(weights_dir=Path({str(weights)!r})); vision.close()\n"
        "print(vision.runtime, [one.name for one in threading.enumerate() if one.name.startswith('ThreadPool')])"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "openvino []"
    assert list(tmp_path.iterdir()) == []
