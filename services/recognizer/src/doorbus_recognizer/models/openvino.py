"""OpenVINO: runs TensorFlow Lite and ONNX models as they are. The only importer of openvino.

What a model wants made of a picture becomes a part of its graph, so that a picture goes in as bytes. A model that was
made for several pictures at once is made one for a single picture.
"""

from pathlib import Path
from queue import Empty, LifoQueue

import numpy as np
from openvino import CompiledModel, Core, InferRequest, Layout, Model, Type, opset13
from openvino.preprocess import ColorFormat, PrePostProcessor

from doorbus_recognizer.models.choice import CPU, ModelUnavailable, Precision
from doorbus_recognizer.models.runtime import Feed, Image, Rows, Runner

_TYPES = {Precision.F32: Type.f32, Precision.BF16: Type.bf16, Precision.F16: Type.f16}


class OpenVino:
    """A runtime on the CPU, or on another device that OpenVINO knows."""

    name = "openvino"

    def __init__(
        self, weights: Path, threads: int, callers: int, device: str = CPU, precision: Precision = Precision.F32
    ) -> None:
        """Run the weights in this directory.

        Args:
            weights: directory.
            threads: that one model may use for one caller, on the CPU.
            callers: how many may call at once without waiting.
            device: by OpenVINO's name. One that cannot be had is a `problem`, and the CPU takes its place.
            precision: which numbers to reckon with.
        """
        self._weights = weights
        self._core = Core()
        self._callers = callers
        self._threads = threads
        self._device = device
        self._precision = precision
        self.variant = "" if precision is Precision.F32 else f"/{precision}"
        self.problem: str | None = None

    def load(self, feed: Feed) -> Runner:
        """A model, on the device or else on the CPU; raises `ModelUnavailable` when it cannot be had on either."""
        try:
            model = _single(self._core.read_model(self._weights / feed.weights), feed)
            return OpenVinoRunner(self._compiled(_fed(model, feed)), self._callers)
        except RuntimeError as error:
            raise ModelUnavailable(f"OpenVINO cannot run {feed.weights}: {_gist(error)}") from error

    def _compiled(self, model: Model) -> CompiledModel:
        if self._device != CPU:
            try:
                return self._checked(self._core.compile_model(model, self._device, self._options()))
            except RuntimeError as error:
                self.problem = (
                    f"OpenVINO cannot use the device {self._device} ({_gist(error)}); the CPU takes its place"
                )
                self._device = CPU
        # One stream a caller, or the second one waits; threads that are bound to a core wait for whoever has that core.
        streams = {
            "NUM_STREAMS": self._callers,
            "INFERENCE_NUM_THREADS": self._callers * self._threads,
            "ENABLE_CPU_PINNING": False,
        }
        return self._checked(self._core.compile_model(model, CPU, {**self._options(), **streams}))

    def _options(self) -> dict[str, object]:
        return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _TYPES[self._precision]}

    def _checked(self, model: CompiledModel) -> CompiledModel:
        """The model, unless it reckons with other numbers than its templates would be named after."""
        used = model.get_property("INFERENCE_PRECISION_HINT")
        if used != _TYPES[self._precision]:
            raise RuntimeError(f"no {self._precision}, only {used.get_type_name()}")
        return model


class OpenVinoRunner:
    """One compiled model. A request serves one caller at a time, so there are as many as there ever were callers."""

    at_once = 1

    def __init__(self, model: CompiledModel, callers: int) -> None:
        self._model = model
        self._idle: LifoQueue[InferRequest] = LifoQueue()
        for request in [model.create_infer_request() for _ in range(callers)]:
            request.infer()  # takes the memory that it keeps
            self._idle.put(request)

    def run(self, *pictures: Image) -> list[Rows]:
        """The outputs in the model's order, each a copy that stays valid."""
        (picture,) = pictures
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        try:
            request.get_input_tensor().data[0] = picture
            request.infer()
            return [output.data.copy() for output in request.output_tensors]
        finally:
            self._idle.put(request)


def _single(model: Model, feed: Feed) -> Model:
    """The model for one picture at a time: where the file says how many it takes, one stands in the place of that."""
    for node in model.get_ordered_ops():
        if feed.at_once > 1 and node.get_type_name() == "Reshape":
            shape = np.array(node.input_value(1).get_node().data)
            if shape[0] == feed.at_once:
                shape[0] = -1
                node.input(1).replace_source_output(opset13.constant(shape).output(0))
    size = (feed.side, feed.side)
    model.reshape([1, 3, *size] if feed.planar else [1, *size, 3])
    return model


def _fed(model: Model, feed: Feed) -> Model:
    """The model with what its feed asks for as the first part of its graph."""
    processor = PrePostProcessor(model)
    given = processor.input()
    given.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(ColorFormat.BGR)
    given.model().set_layout(Layout("NCHW" if feed.planar else "NHWC"))
    steps = given.preprocess().convert_element_type(Type.f32)
    if not feed.planar:
        steps.convert_color(ColorFormat.RGB)
    steps.mean(feed.mean).scale(feed.spread)
    return processor.build()


def _gist(error: RuntimeError) -> str:
    """The one line of an exception of OpenVINO that says what is wrong, without where in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
