import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import cv2
import numpy as np
import pytest

from doorbus.assets import AssetError
from doorbus.wire.messages import Verdict
from doorbus_recognizer.calibration import MOBILEFACENET
from doorbus_recognizer.decode import decode
from doorbus_recognizer.faces import MIN_SHARPNESS, MIN_SIZE, Detection, Image, SeenFace
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.matching import Gallery
from doorbus_recognizer.models.blazeface import anchors
from doorbus_recognizer.models.blazeface import decode as decode_boxes
from doorbus_recognizer.models.choice import ModelUnavailable
from doorbus_recognizer.models.fakes import FakeDetector, FakeEmbedder, FakeLiveness, FakeMesh, portrait
from doorbus_recognizer.models.imaging import encode_jpeg
from doorbus_recognizer.vision import STAGES, Vision
from support.staging import closed, tilted, visit


def fake_vision(live: float = 1.0, mesh_score: float = 1.0) -> Vision:
    seconds = itertools.count()
    return Vision(
        FakeDetector(),
        FakeMesh(mesh_score),
        FakeEmbedder(),
        FakeLiveness(live),
        MOBILEFACENET,
        clock=lambda: float(next(seconds)),
    )


@pytest.fixture(scope="module")
def vision(weights: Path) -> Vision:
    return build_vision(weights_dir=weights)


@pytest.fixture
def fresh_environment() -> dict[str, str]:
    """Environment for a process of its own, where another engine may run."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "default"}


def picture(samples: Path, name: str) -> Image:
    """A sample as a frame would bring it."""
    content = (samples / name).read_bytes()
    if name.endswith("png"):
        content = cv2.imencode(".jpg", np.asarray(cv2.imread(str(samples / name))))[1].tobytes()
    return decode(content).image


def changed(image: np.ndarray) -> Image:
    return np.asarray(image, dtype=np.uint8)


def only(faces: tuple[SeenFace, ...]) -> SeenFace:
    (face,) = faces
    return face


def see(vision: Vision, image: Image) -> SeenFace:
    return only(vision.see(image)[0])


# On fakes: what the chain does with its parts


def test_warming_up_uses_each_model_from_as_many_callers_at_once_as_there_are_lanes() -> None:
    together = Barrier(3, timeout=10)

    class Meeting(FakeDetector):
        def detect(self, image: Image) -> tuple[Detection, ...]:
            together.wait()  # raises unless three callers are here at the same time
            return super().detect(image)

    detector = Meeting()

    Vision(detector, FakeMesh(1.0), FakeEmbedder(), FakeLiveness(1.0), MOBILEFACENET, lanes=3).warm_up()

    assert len(detector.seen) % 3 == 0
    assert detector.seen


def test_each_face_on_a_picture_is_seen_with_the_template_of_its_person() -> None:
    vision = fake_vision()
    gallery = Gallery.build({name: [see(vision, portrait(name)).template] for name in ("alice", "bob")}, "fake@1")

    through_jpeg = decode(encode_jpeg(portrait("bob", "alice", "stranger"))).image
    faces = sorted(vision.see(through_jpeg)[0], key=lambda face: face.box[0])

    assert [gallery.match(face.template, vision.scale).person for face in faces] == ["bob", "alice", None]
    assert faces[0].box == pytest.approx((8, 160, 160, 160), abs=2)


def test_the_largest_face_comes_first() -> None:
    image = np.hstack((portrait("alice", size=80, frame=(200, 480)), portrait("bob", size=160, frame=(440, 480))))

    faces, _ = fake_vision().see(image)

    assert [round(face.box[2]) for face in faces] == [160, 80]


def test_a_picture_without_a_face_is_an_empty_answer() -> None:
    faces, timings = fake_vision().see(portrait())

    assert faces == ()
    assert set(timings) == set(STAGES)


def test_a_face_is_told_where_it_was_found_and_looked_at_in_whole_pixels() -> None:
    class Between(FakeDetector):
        def detect(self, image: Image) -> tuple[Detection, ...]:
            return tuple(replace(face, box=(8.4, 159.6, 160.3, 160.3)) for face in super().detect(image))

    liveness = FakeLiveness()
    vision = Vision(Between(), FakeMesh(), FakeEmbedder(), liveness, MOBILEFACENET)

    face = see(vision, portrait("alice"))

    assert (face.box, liveness.asked) == ((8.4, 159.6, 160.3, 160.3), [(8, 160, 160, 160)])
    assert face.points == pytest.approx(see(fake_vision(), portrait("alice")).points)


@pytest.mark.parametrize("size", [(0.9, 80.0), (80.0, -3.0)])
def test_a_detection_without_extent_is_dropped(size: tuple[float, float]) -> None:
    class Thin(FakeDetector):
        def detect(self, image: Image) -> tuple[Detection, ...]:
            return tuple(replace(face, box=(*face.box[:2], *size)) for face in super().detect(image))

    vision = Vision(Thin(), FakeMesh(), FakeEmbedder(), FakeLiveness(), MOBILEFACENET)

    assert vision.see(portrait("alice"))[0] == ()


def test_a_detection_on_which_the_mesh_finds_no_face_is_dropped() -> None:
    assert fake_vision(mesh_score=0.2).see(portrait("alice"))[0] == ()


def test_a_crowd_costs_no_more_than_eight_faces() -> None:
    crowd = portrait(*"abcdefghijklm", size=40)

    assert len(fake_vision().see(crowd)[0]) == 8


def test_the_time_of_each_stage_is_told_in_milliseconds_all_faces_together() -> None:
    _, one = fake_vision().see(portrait("alice"))
    _, two = fake_vision().see(portrait("alice", "bob"))

    assert one == dict.fromkeys(STAGES, 1000.0)
    assert two == {**dict.fromkeys(STAGES, 2000.0), "detect": 1000.0}


def test_liveness_is_told_when_it_is_judged_and_is_none_when_not() -> None:
    blind = Vision(FakeDetector(), FakeMesh(), FakeEmbedder(), None, MOBILEFACENET)

    assert see(fake_vision(live=0.25), portrait("alice")).live == 0.25
    assert see(blind, portrait("alice")).live is None


def test_a_face_found_on_a_picture_made_smaller_is_told_in_pixels_of_the_source() -> None:
    small = see(fake_vision(), portrait("alice"))

    large = small.enlarged(2)

    assert large.box == tuple(2 * value for value in small.box)
    assert large.size == 2 * small.size
    assert large.points == pytest.approx(2 * small.points)
    assert large.template is small.template


# BlazeFace's decoding


def test_the_anchors_cover_the_picture_evenly() -> None:
    centres = anchors()

    assert centres.shape == (896, 2)
    assert centres.mean(axis=0) == pytest.approx([0.5, 0.5])
    assert centres[0] == pytest.approx([1 / 32, 1 / 32])
    assert centres[-1] == pytest.approx([15 / 16, 15 / 16])


def test_overlapping_candidates_become_one_face_and_distant_ones_stay_apart() -> None:
    boxes, logits = np.zeros((896, 16), np.float32), np.full(896, -10, np.float32)
    boxes[:, 2:4] = 60
    for index, logit in ((0, 2.0), (1, 2.0), (2, 1.0), (895, 4.0)):
        logits[index] = logit

    faces = decode_boxes(boxes, logits, anchors())

    assert len(faces) == 2
    (far, far_row), (near, near_row) = faces
    assert far > near > 0.5
    assert far_row[:2] == pytest.approx([240, 240])
    assert 8 < near_row[0] < 24
    assert near_row[4:6] == pytest.approx(near_row[:2])


def test_without_a_candidate_there_is_no_face() -> None:
    assert decode_boxes(np.zeros((896, 16), np.float32), np.full(896, -10, np.float32), anchors()) == []


# On the real weights


def test_obama_is_recognised_on_other_pictures_and_strangers_are_not(vision: Vision, samples: Path) -> None:
    enrolled = see(vision, picture(samples, "obama.jpg"))
    gallery = Gallery.build({"obama": [enrolled.template]}, vision.model_id)

    def match(name: str) -> tuple[Verdict, float, float]:
        found = gallery.match(see(vision, picture(samples, name)).template, vision.scale)
        assert found.similarity is not None
        return found.verdict, found.similarity, found.confidence

    for name in ("obama2.jpg", "obama3.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg"):
        verdict, similarity, confidence = match(name)
        assert (verdict, similarity > 0.8, confidence > 0.95) == (Verdict.MATCH, True, True), name
    for name in ("biden.jpg", "astronaut.png"):
        verdict, similarity, confidence = match(name)
        assert (verdict, similarity < 0.1, confidence < 0.05) == (Verdict.UNKNOWN, True, True), name


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"])
def test_good_pictures_of_living_people_are_good_enough_to_enrol(vision: Vision, samples: Path, name: str) -> None:
    face = see(vision, picture(samples, name))

    assert face.size > MIN_SIZE
    assert face.sharpness > MIN_SHARPNESS
    assert face.quality > 0.7
    assert face.live is not None
    assert face.live > 0.99
    assert face.eyes_open > 0.4
    assert abs(face.pose.yaw) < 20
    assert np.linalg.norm(face.template) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"])
@pytest.mark.parametrize("angle", [165, 180, 195])
def test_a_face_that_is_upside_down_is_none(vision: Vision, samples: Path, name: str, angle: int) -> None:
    image = picture(samples, name)
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    turned = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)

    assert vision.see(changed(turned))[0] == ()


@pytest.mark.parametrize("angle", [-60, -30, 30, 60])
def test_a_face_that_is_tilted_is_the_same_face(vision: Vision, samples: Path, angle: int) -> None:
    image = picture(samples, "astronaut.png")
    turn = cv2.getRotationMatrix2D((220, 130), angle, 1.0)
    face = see(vision, changed(cv2.warpAffine(image, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)))

    assert float(face.template @ see(vision, image).template) > 0.9
    assert face.pose.roll == pytest.approx(see(vision, image).pose.roll - angle, abs=6)


@pytest.mark.parametrize("name", ["obama3.jpg", "biden.jpg", "astronaut.png"])
def test_eyes_that_close_are_told_by_their_lids_and_a_photo_that_is_tilted_by_its_aspect(
    vision: Vision, samples: Path, name: str
) -> None:
    def look(image: Image) -> tuple[float, float]:
        (face,), _ = vision.see(image, lids=True)
        assert face.lids is not None
        return face.lids, face.aspect

    view = visit(samples, name)
    open_eyes, upright = look(view)
    shut, as_before = look(closed(view, only(vision.see(view)[0])))
    tilts = [look(tilted(view, degrees)) for degrees in (20, 30, 40, 50)]

    assert 0.15 < open_eyes < 0.4
    assert shut < 0.55 * open_eyes
    assert as_before == pytest.approx(upright, rel=0.15)
    assert not [lids for lids, aspect in tilts if lids < 0.55 * open_eyes and abs(aspect / upright - 1) <= 0.15]


def test_a_scene_without_people_has_no_face(vision: Vision, samples: Path) -> None:
    assert vision.see(picture(samples, "coffee.png"))[0] == ()


def test_a_blurred_or_distant_face_is_told_by_its_figures(vision: Vision, samples: Path) -> None:
    image = picture(samples, "astronaut.png")
    blurred = see(vision, changed(cv2.GaussianBlur(image, (0, 0), 4)))
    small = cv2.resize(image, None, fx=0.4, fy=0.4)
    distant = see(vision, changed(cv2.copyMakeBorder(small, 60, 60, 60, 60, cv2.BORDER_REPLICATE)))

    assert blurred.sharpness < MIN_SHARPNESS
    assert distant.size < MIN_SIZE
    assert max(blurred.quality, distant.quality) < see(vision, image).quality


def test_in_the_mirror_somebody_looks_to_the_other_side_and_stays_the_same_person(
    vision: Vision, samples: Path
) -> None:
    image = picture(samples, "obama2.jpg")
    face, mirrored = see(vision, image), see(vision, np.ascontiguousarray(image[:, ::-1]))

    assert face.pose.yaw < -5 < 5 < mirrored.pose.yaw
    assert float(face.template @ mirrored.template) > 0.95


def test_threads_that_look_at_once_get_the_same_answer_as_one(vision: Vision, samples: Path) -> None:
    names = ("obama.jpg", "biden.jpg") * 4
    images = {name: picture(samples, name) for name in names}
    alone = {name: see(vision, image).template for name, image in images.items()}

    with ThreadPoolExecutor(4) as pool:
        templates = pool.map(lambda name: see(vision, images[name]).template, names)

    assert all(float(template @ alone[name]) > 0.999 for name, template in zip(names, templates, strict=True))


def test_two_people_on_one_picture_are_both_seen(vision: Vision, samples: Path) -> None:
    astronaut = picture(samples, "astronaut.png")
    obama = changed(cv2.resize(picture(samples, "obama.jpg")[:910], (512, 512)))

    faces, _ = vision.see(np.hstack((astronaut, obama)))

    assert len(faces) == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (480, 1), (2000, 30), (7, 9)])
def test_a_picture_of_any_shape_is_looked_at(vision: Vision, shape: tuple[int, int]) -> None:
    assert vision.see(np.full((*shape, 3), 90, np.uint8))[0] == ()


def test_the_model_is_named_with_its_weights_and_alignment(vision: Vision) -> None:
    assert vision.model_id == "MobileFaceNet@d8ba40c0/points.1"


@pytest.mark.parametrize(
    ("name", "seen_from_six_sides"),
    [
        ("obama.jpg", [1.892, -2.168, -0.320, -1.643, 0.064, 0.318]),
        ("biden.jpg", [0.951, -0.629, -0.301, -0.107, 0.083, 0.334]),
    ],
)
def test_under_this_name_the_model_makes_these_templates(
    vision: Vision, samples: Path, name: str, seen_from_six_sides: list[float]
) -> None:
    sides = np.random.default_rng(0).standard_normal((6, 192))

    seen = sides @ see(vision, picture(samples, name)).template

    assert seen == pytest.approx(seen_from_six_sides, abs=0.01), "galleries would mix: give the alignment a new version"


def test_the_default_models_need_neither_deepface_nor_what_it_brings_and_say_nothing(
    weights: Path, fresh_environment: dict[str, str]
) -> None:
    program = f"""
import json, pathlib, sys
import doorbus_recognizer.__main__
from doorbus_recognizer.factory import build_vision
build_vision(weights_dir=pathlib.Path({str(weights)!r}))
unwanted = {{"deepface", "tensorflow", "torch", "pandas", "requests"}}
print(json.dumps(sorted(unwanted & set(sys.modules))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=fresh_environment, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == []
    assert done.stderr == ""


def test_missing_weights_are_named_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(
        AssetError, match=r"MobileFaceNet\.tflite: missing; fetch it with: .*doorbus\.assets.*weights\.toml"
    ):
        build_vision(weights_dir=tmp_path)


def test_an_unknown_model_is_refused_with_those_that_there_are(weights: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"facial_recognition 'Mobilefacenet': no such model; there are ArcFace, .*Dlib"
    ):
        build_vision(weights_dir=weights, model="Mobilefacenet")
    with pytest.raises(ModelUnavailable, match=r"face_detector 'haar': no such model; there are blazeface, .*opencv"):
        build_vision(weights_dir=weights, detector="haar")


def test_a_detector_of_deepface_gives_the_same_person(vision: Vision, weights: Path, samples: Path) -> None:
    by_haar = build_vision(weights_dir=weights, detector="opencv")
    image = picture(samples, "astronaut.png")

    found = see(by_haar, image)

    assert by_haar.model_id == vision.model_id
    assert float(found.template @ see(vision, image).template) > 0.95
