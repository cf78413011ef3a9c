"""OpenVINO: runs TensorFlow Lite and ONNX models as they are. The only importer of openvino.

What a model wants made of a picture becomes a part of its graph, so that a picture goes in as bytes. A model that was
made for several pictures at once is made one for a single picture.

On the CPU each caller has a copy of a model, which runs in the caller's own thread. OpenVINO's streams would hand each
run to a thread of theirs and back, to another core as often as not, whose caches know nothing of it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Condition, Lock

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
            threads: that one model may use on the CPU for a caller who is alone; those at work together have one each.
            callers: how many may call at once without waiting.
            device: by OpenVINO's name. One that cannot be had is a `problem`, and the CPU takes its place.
            precision: which numbers to reckon with.
        """
        self._weights = weights
        self._core = Core()
        self._callers = callers
        self._at_work = Callers()
        self._threads = threads
        self._device = device
        self._precision = precision
        self.variant = "" if precision is Precision.F32 else f"/{precision}"
        self.problem: str | None = None

    def caller(self) -> AbstractContextManager[object]:
        """To be held while a picture is looked at: whoever is alone gets all threads."""
        return self._at_work

    def load(self, feed: Feed) -> Runner:
        """A model, on the device or else on the CPU; raises `ModelUnavailable` when it cannot be had on either."""
        try:
            model = _fed(_single(self._core.read_model(self._weights / feed.weights), feed), feed)
            return OpenVinoRunner(self._requests(model, feed), self._at_work)
        except RuntimeError as error:
            raise ModelUnavailable(f"OpenVINO cannot run {feed.weights}: {_gist(error)}") from error

    def _requests(self, model: Model, feed: Feed) -> list[InferRequest]:
        """One for each caller of a long model, for every two of a short one; before them that for who is alone."""
        if self._device != CPU:
            try:
                compiled = self._checked(self._core.compile_model(model, self._device, self._options()))
                return [compiled.create_infer_request() for _ in range(self._callers)]
            except RuntimeError as error:
                self.problem = (
                    f"OpenVINO cannot use the device {self._device} ({_gist(error)}); the CPU takes its place"
                )
                self._device = CPU
        wide = [self._on_cpu(model, self._threads)] if feed.wide and self._threads > 1 else []
        if wide and self._callers == 1:
            return wide
        copies = self._callers if feed.long else (self._callers + 1) // 2
        return [*wide, *(self._on_cpu(model, 1) for _ in range(copies))]

    def _on_cpu(self, model: Model, threads: int) -> InferRequest:
        """A copy of the model; threads that are bound to a core would wait for whoever has that core."""
        streams = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads} if threads > 1 else {"NUM_STREAMS": 0}
        options = {**self._options(), **streams, "ENABLE_CPU_PINNING": False}
        return self._checked(self._core.compile_model(model, CPU, options)).create_infer_request()

    def _options(self) -> dict[str, object]:
        return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _TYPES[self._precision]}

    def _checked(self, model: CompiledModel) -> CompiledModel:
        """The model, unless it reckons with other numbers than its templates would be named after."""
        used = model.get_property("INFERENCE_PRECISION_HINT")
        if used != _TYPES[self._precision]:
            raise RuntimeError(f"no {self._precision}, only {used.get_type_name()}")
        return model


class Callers:
    """How many pictures are looked at just now; each holds this meanwhile."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1

    @property
    def alone(self) -> bool:
        """Whether there is no more than one."""
        return self._count <= 1


class OpenVinoRunner:
    """One model. A request serves one caller at a time; a caller for whom there is none waits."""

    at_once = 1

    def __init__(self, requests: Sequence[InferRequest], at_work: Callers) -> None:
        self._first = requests[0]
        self._idle = list(requests)
        self._change = Condition()
        self._at_work = at_work
        for request in requests:
            request.infer()  # takes the memory that it keeps

    def run(self, *pictures: Image) -> list[Rows]:
        """The outputs in the model's order, each a copy that stays valid."""
        (picture,) = pictures
        request = self._take()
        try:
            request.get_input_tensor().data[0] = picture
            request.infer()
            return [output.data.copy() for output in request.output_tensors]
        finally:
            self._give_back(request)

    def _take(self) -> InferRequest:
        with self._change:
            self._change.wait_for(lambda: self._idle)
            return self._idle.pop(0 if self._at_work.alone else -1)

    def _give_back(self, request: InferRequest) -> None:
        with self._change:
            self._idle.insert(0 if request is self._first else len(self._idle), request)
            self._change.notify()


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
