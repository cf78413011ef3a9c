"""Makes up weights of deepface's models: the architectures are the true ones, what they have learned is nothing.

A program, to be run in a process of its own: `deepface_weights.py DIRECTORY MODEL`. A model that deepface builds by
code is built by that code, and saved as it is on TensorFlow (.h5) and on ONNX (.onnx). Those of OpenCV's collection are
ONNX only: here they have the same inputs and outputs, and fewer layers between.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = NDArray[np.float32]

FACE_AT = (0.5, 0.75, 4.0, 5.0)
"""Centre, width and height of the face that the made-up YuNet sees about a white cell, in cells of 32 pixels."""
EYES_AT = ((-0.25, 0.25), (1.25, 0.5))
"""Where it sees the right and the left eye, in cells from the cell's left upper corner."""
FILES = {"ArcFace": "arcface_weights", "Facenet512": "facenet512_weights", "GhostFaceNet": "ghostfacenet_v1"}


def sface(path: Path) -> None:
    """Something like the MobileFaceNet of OpenCV's SFace: one face, planar, 0 to 255, to 128 values."""
    random = np.random.default_rng(1)
    graph = _Graph()
    top = graph.add("Sub", "data", graph.held(np.float32(127.5)))
    top = graph.add("Mul", top, graph.held(np.float32(1 / 128)))
    channels = 3
    for width in (32, 64, 128, 128):  # 112 pixels to 7
        top = graph.convolution(top, random.standard_normal((width, channels, 3, 3)) / np.sqrt(9 * channels), 2, 1)
        top = graph.add("PRelu", top, graph.held(np.full((width, 1, 1), 0.25, np.float32)))
        channels = width
    top = graph.convolution(top, random.standard_normal((channels, 1, 7, 7)) / 7, 1, 0, group=channels)
    graph.add("Flatten", top, to="fc1")
    graph.save(path, ("data", [1, 3, 112, 112]), [("fc1", [1, 128])])


def yunet(path: Path) -> None:
    """The outputs of OpenCV's YuNet: at each of three strides class, object, box and five points of each cell.

    It sees a face about each cell of 32 pixels that is white, and nothing at the other strides.
    """
    graph = _Graph()
    outputs = []
    points = [value for point in (*EYES_AT, (0.5, 1.0), (0.0, 1.5), (1.0, 1.5)) for value in point]
    box = [FACE_AT[0], FACE_AT[1], np.log(FACE_AT[2]), np.log(FACE_AT[3])]
    for stride in (8, 16, 32):
        brightness = np.full((1, 3, stride, stride), 1 / (3 * stride**2))
        logit = graph.convolution("input", brightness, stride, 0, bias=[-230.0 if stride == 32 else -1000.0])
        sure = graph.add("Sigmoid", logit)
        outputs += [graph.cells(sure, f"{name}_{stride}", 1) for name in ("cls", "obj")]
        for name, values in (("bbox", box), ("kps", points)):
            constant = graph.convolution(logit, np.zeros((len(values), 1, 1, 1)), 1, 0, bias=values)
            outputs.append(graph.cells(constant, f"{name}_{stride}", len(values)))
    graph.save(path, ("input", [1, 3, "height", "width"]), outputs)


class _Graph:
    """An ONNX graph while it grows."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._held: list[onnx.TensorProto] = []

    def held(self, values: Any) -> str:
        """A constant."""
        self._held.append(numpy_helper.from_array(np.asarray(values), f"held{len(self._held)}"))
        return str(self._held[-1].name)

    def add(self, kind: str, *inputs: str, to: str | None = None, **how: Any) -> str:
        """A layer."""
        name = to or f"layer{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **how))
        return name

    def convolution(
        self, of: str, kernel: Any, stride: int, pad: int, *, group: int = 1, bias: list[float] | None = None
    ) -> str:
        """A convolution without padding rules of its own."""
        weights = [self.held(np.asarray(one, np.float32)) for one in (kernel, bias) if one is not None]
        size = list(np.shape(kernel)[2:])
        return self.add("Conv", of, *weights, kernel_shape=size, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def cells(self, of: str, name: str, values: int) -> tuple[str, list[Any]]:
        """An output with one row a cell."""
        last = self.add("Transpose", of, perm=[0, 2, 3, 1])
        self.add("Reshape", last, self.held(np.array([1, -1, values])), to=name)
        return name, [1, f"cells of {name}", values]

    def save(self, path: Path, given: tuple[str, list[Any]], outputs: list[tuple[str, list[Any]]]) -> None:
        """Write it down."""
        begins, ends = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side]
            for side in ([given], outputs)
        )
        graph = helper.make_graph(self._nodes, path.stem, begins, ends, self._held)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def by_its_code(name: str, directory: Path) -> None:
    """A model as deepface, or its RetinaFace, builds it, for TensorFlow and for ONNX."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "DEEPFACE_BACKEND_ENGINE": "tensorflow"}
    import tensorflow as tf  # noqa: PLC0415 (after it was told which Keras)
    import tf2onnx  # noqa: PLC0415

    tf.keras.utils.set_random_seed(1)
    model = _retinaface() if name == "retinaface" else _embedder(name)
    file = FILES.get(name, name)
    model.save_weights(directory / f"{file}.h5")
    fed = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)
    tf2onnx.convert.from_keras(model, input_signature=(fed,), output_path=directory / f"{file}.onnx")


def _embedder(name: str) -> Any:
    from deepface.commons import weight_utils  # noqa: PLC0415
    from deepface.modules import modeling  # noqa: PLC0415

    weight_utils.download_weights_if_necessary = lambda **_: ""
    weight_utils.load_model_weights = lambda model, weight_file: model  # noqa: ARG005 (deepface names it)
    return modeling.get_model_class("facial_recognition", name)().model


def _retinaface() -> Any:
    from retinaface.model import retinaface_model  # noqa: PLC0415

    retinaface_model.load_weights = lambda model: model
    model = retinaface_model.build_model()
    for stride in (8, 16, 32):  # of each cell's two anchors those of the largest cells are a face, as they stand
        sure = 4.0 if stride == 32 else -20.0
        biases = {"cls_score": np.array([0, 0, sure, sure]), "bbox_pred": np.zeros(8), "landmark_pred": np.zeros(20)}
        for head, bias in biases.items():
            layer = model.get_layer(f"face_rpn_{head}_stride{stride}")
            share = 1e-2 if head == "landmark_pred" else 0.0
            layer.set_weights([layer.get_weights()[0] * share, bias])
    return model


if __name__ == "__main__":
    where, wanted = Path(sys.argv[1]), sys.argv[2]
    where.mkdir(parents=True, exist_ok=True)
    if wanted == "SFace":
        sface(where / "face_recognition_sface_2021dec.onnx")
    elif wanted == "yunet":
        yunet(where / "face_detection_yunet_2023mar.onnx")
    else:
        by_its_code(wanted, where)
