"""deepface's other models, each through its true way of loading, in a process of its own where its engine runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

MAKER = Path(__file__).parent.parent / "support" / "deepface_weights.py"
WEIGHTS_OF_DEEPFACE = Path(".deepface", "weights")
DLIB = "dlib_face_recognition_resnet_model_v1.dat"

SEE = """
import json, pathlib, sys
import cv2
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.models.choice import Engine, ModelUnavailable

home, engine, model, detector, *pictures = sys.argv[1:]
try:
    vision = build_vision(
        weights_dir=pathlib.Path(home), model=model, detector=detector, engine=Engine(engine), liveness=False
    )
except ModelUnavailable as unavailable:
    print(json.dumps({"refusal": str(unavailable)}))
else:
    seen = [vision.see(cv2.imread(picture))[0][0] for picture in pictures]
    likely = vision.scale.likely
    templates = [face.template.tolist() for face in seen]
    print(json.dumps({"model": vision.model_id, "likely": likely, "templates": templates, "box": seen[0].box}))
"""

DETECT = """
import json, pathlib, sys
import cv2
from doorbus_recognizer.models.choice import Engine, ModelUnavailable
from doorbus_recognizer.models.registry import Registry

home, engine, name, picture = sys.argv[1:]
try:
    detector = Registry(pathlib.Path(home), Engine(engine), threads=2).detector(name)
except ModelUnavailable as unavailable:
    print(json.dumps({"refusal": str(unavailable)}))
else:
    found = detector.detect(cv2.imread(picture))
    print(json.dumps([[*face.box, *face.right_eye, *face.left_eye, face.score] for face in found]))
"""

OUTSIDERS = """
import json, pathlib, sys
import cv2
from deepface.models.Detector import Detector, FacialAreaRegion
from deepface.models.FacialRecognition import FacialRecognition
from deepface.modules import modeling
from doorbus_recognizer.factory import build_vision

class Somewhere(Detector):
    def detect_faces(self, img):
        return [FacialAreaRegion(x=175, y=65, w=100, h=130, confidence=0.75)]

class Colours(FacialRecognition):
    input_shape = (20, 20)

    def forward(self, img):
        return img.mean(axis=(0, 1, 2)).tolist()

for task, client in (("face_detector", Somewhere), ("facial_recognition", Colours)):
    modeling.AVAILABLE_MODELS[task][client.__name__] = {modeling.ANY: f"__main__.{client.__name__}"}

vision = build_vision(weights_dir=pathlib.Path(sys.argv[1]), detector="Somewhere", model="Colours")
(face,), _ = vision.see(cv2.imread(sys.argv[2]))
print(json.dumps([vision.model_id, face.box, face.score, face.template.tolist()]))
"""


def answer(program: str, *arguments: object) -> Any:
    """What a program says on its last line, in a process of its own and without a network."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "default", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, **quiet, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def home(weights: Path, tmp_path: Path) -> Path:
    """A directory of weights of its own: the default models, and none of deepface's."""
    for file in weights.iterdir():
        if file.is_file():
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / WEIGHTS_OF_DEEPFACE).mkdir(parents=True)
    return tmp_path


def make(home: Path, name: str) -> None:
    """Make up a model's weights."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, MAKER, home / WEIGHTS_OF_DEEPFACE, name],
        env=quiet,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def alike(one: list[float], other: list[float]) -> float:
    return float(np.dot(one, other))


@pytest.mark.tensorflow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "values"), [("ArcFace", 512), ("Facenet512", 512), ("GhostFaceNet", 512)])
def test_an_embedder_of_deepface_makes_the_same_templates_on_tensorflow_and_onnx(
    home: Path, samples: Path, name: str, values: int
) -> None:
    pytest.importorskip("tensorflow", exc_type=ImportError)
    make(home, name)
    pictures = [samples / "astronaut.png", samples / "obama.jpg"]

    by_keras, by_onnx = (answer(SEE, home, engine, name, "blazeface", *pictures) for engine in ("tensorflow", "onnx"))

    assert by_keras["model"].startswith(f"{name}@deepface-")
    assert by_keras["model"].endswith("-tensorflow/eyes.1")
    assert by_onnx["model"].endswith("-onnx/eyes.1")
    assert [len(template) for template in by_onnx["templates"]] == [values, values]
    for one, other in zip(by_keras["templates"], by_onnx["templates"], strict=True):
        assert alike(one, other) == pytest.approx(1, abs=1e-4)
    assert alike(*by_onnx["templates"]) < 1 - 1e-5


@pytest.mark.tensorflow
@pytest.mark.timeout(900)
def test_retinaface_finds_the_same_faces_on_tensorflow_and_onnx(home: Path, samples: Path) -> None:
    pytest.importorskip("tensorflow", exc_type=ImportError)
    make(home, "retinaface")

    by_keras, by_onnx = (
        answer(DETECT, home, engine, "retinaface", samples / "astronaut.png") for engine in ("tensorflow", "onnx")
    )

    assert by_keras
    assert np.array(by_keras) == pytest.approx(np.array(by_onnx), abs=1.01)


@pytest.mark.tensorflow
@pytest.mark.timeout(600)
def test_mtcnn_finds_the_face_that_the_default_detector_finds(home: Path, samples: Path) -> None:
    pytest.importorskip("tensorflow", exc_type=ImportError)
    pytest.importorskip("mtcnn", exc_type=ImportError)
    picture = samples / "astronaut.png"

    by_mtcnn, by_default = (
        answer(SEE, home, "onnx", "MobileFaceNet", detector, picture) for detector in ("mtcnn", "blazeface")
    )

    assert by_mtcnn["model"] == by_default["model"]
    assert alike(by_mtcnn["templates"][0], by_default["templates"][0]) > 0.95


def test_opencvs_sface_makes_templates_of_faces(home: Path, samples: Path) -> None:
    pytest.importorskip("onnx", exc_type=ImportError)
    make(home, "SFace")
    pictures = [samples / "astronaut.png", samples / "obama.jpg", samples / "astronaut.png"]

    found = answer(SEE, home, "onnx", "SFace", "blazeface", *pictures)

    first, other, again = found["templates"]
    assert found["model"].startswith("SFace@deepface-")
    assert len(first) == 128
    assert alike(first, again) == pytest.approx(1)
    assert alike(first, other) < 1 - 1e-5


@pytest.mark.parametrize("scale", [1, 2], ids=["as it is", "too large for it"])
def test_opencvs_yunet_tells_where_face_and_eyes_are(home: Path, tmp_path: Path, scale: int) -> None:
    pytest.importorskip("onnx", exc_type=ImportError)
    make(home, "yunet")
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[160:192, 320:352] = 255
    cv2.imwrite(str(tmp_path / "cell.png"), cv2.resize(picture, None, fx=scale, fy=scale))

    ((left, top, width, height, *eyes, score),) = answer(DETECT, home, "onnx", "yunet", tmp_path / "cell.png")

    assert [left + width / 2, top + height / 2] == pytest.approx([336 * scale, 184 * scale], abs=2 * scale)
    assert [width, height] == pytest.approx([128 * scale, 160 * scale], abs=2 * scale)
    assert eyes == pytest.approx([312 * scale, 168 * scale, 360 * scale, 176 * scale], abs=2 * scale)
    assert score > 0.99


@pytest.mark.parametrize(
    ("program", "name", "file"),
    [
        (SEE, "ArcFace", "arcface_weights.onnx"),
        (SEE, "Facenet512", "facenet512_weights.onnx"),
        (SEE, "SFace", "face_recognition_sface_2021dec.onnx"),
        (SEE, "GhostFaceNet", "ghostfacenet_v1.onnx"),
        (DETECT, "yunet", "face_detection_yunet_2023mar.onnx"),
        (DETECT, "retinaface", "retinaface.onnx"),
        (DETECT, "centerface", "centerface.onnx"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 50 else "",
)
def test_weights_that_are_missing_or_damaged_are_named_with_where_they_belong(
    home: Path, samples: Path, program: str, name: str, file: str
) -> None:
    arguments = [home, "onnx", name, *(["blazeface"] if program is SEE else []), samples / "astronaut.png"]
    where = home / WEIGHTS_OF_DEEPFACE

    missing = answer(program, *arguments)["refusal"]
    (where / file).write_text("<html>Not Found</html>")
    damaged = answer(program, *arguments)["refusal"]

    assert f"{name} cannot be built: its weights {file} could not be fetched: put them into {where}" in missing
    assert f"{name} cannot be built: {where / file} is damaged, or another model's" in damaged


@pytest.mark.tensorflow
@pytest.mark.timeout(600)
def test_weights_that_keras_misses_are_named_with_where_they_belong(home: Path, samples: Path) -> None:
    pytest.importorskip("tensorflow", exc_type=ImportError)
    arguments = [home, "tensorflow", "ArcFace", "blazeface", samples / "astronaut.png"]
    where = home / WEIGHTS_OF_DEEPFACE

    missing = answer(SEE, *arguments)["refusal"]
    (where / "arcface_weights.h5").write_text("<html>Not Found</html>")
    damaged = answer(SEE, *arguments)["refusal"]

    assert f"its weights arcface_weights.h5 could not be fetched: put them into {where}" in missing
    assert f"{where / 'arcface_weights.h5'} is damaged" in damaged


def test_a_model_whose_library_is_not_installed_asks_for_that(home: Path, samples: Path) -> None:
    refusal = answer(DETECT, home, "onnx", "mediapipe", samples / "astronaut.png")["refusal"]

    assert refusal.startswith("face_detector mediapipe needs a library that is not installed")


def test_dlib_finds_and_tells_apart_the_samples_at_the_threshold_that_deepface_publishes(
    weights: Path, samples: Path
) -> None:
    pytest.importorskip("dlib")
    if not (weights / WEIGHTS_OF_DEEPFACE / DLIB).is_file():
        pytest.skip("weights of the group dlib are not fetched")
    names = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png")

    seen = answer(SEE, weights, "onnx", "Dlib", "dlib", *(samples / name for name in names))

    enrolled, *probes = seen["templates"]
    assert seen["model"] == "Dlib@55533b28/eyes.1"
    assert [alike(enrolled, probe) >= seen["likely"] for probe in probes] == [True, True, False, False]


def test_a_model_that_somebody_else_put_into_deepfaces_registry_is_chosen_by_its_name(
    weights: Path, samples: Path
) -> None:
    model_id, box, score, template = answer(OUTSIDERS, weights, samples / "astronaut.png")

    assert model_id.startswith("Colours@deepface-")
    assert (box, score, len(template)) == ([175.0, 65.0, 100.0, 130.0], 0.75, 3)
    assert np.linalg.norm(template) == pytest.approx(1)
