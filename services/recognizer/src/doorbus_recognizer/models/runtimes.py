"""Which runtime it is to be. Each is loaded only when it is chosen."""

from pathlib import Path

from doorbus_recognizer.models.choice import CPU, ModelUnavailable, Precision, RuntimeChoice
from doorbus_recognizer.models.runtime import Runtime


def build_runtime(
    choice: RuntimeChoice,
    weights: Path,
    *,
    threads: int,
    callers: int,
    device: str = CPU,
    precision: Precision = Precision.F32,
) -> Runtime:
    """The runtime that is asked for; `auto` takes OpenVINO where it is installed, and LiteRT elsewhere.

    Args:
        choice: which.
        weights: directory of the weights.
        threads: that one model may use for one caller.
        callers: how many may call at once without waiting.
        device: for OpenVINO.
        precision: for OpenVINO.

    Raises:
        ModelUnavailable: it is not installed, or cannot reckon with these numbers.
    """
    if choice is not RuntimeChoice.LITERT:
        try:
            from doorbus_recognizer.models.openvino import OpenVino  # noqa: PLC0415 (large, only where it runs)

            return OpenVino(weights, threads, callers, device, precision)
        except ImportError as error:
            if choice is RuntimeChoice.OPENVINO:
                raise ModelUnavailable(
                    f"runtime openvino cannot be had here ({error}); choose auto or litert"
                ) from None
    if precision is not Precision.F32:
        raise ModelUnavailable(f"precision {precision} needs the runtime openvino, LiteRT has only f32")
    from doorbus_recognizer.models.litert import LiteRt  # noqa: PLC0415 (only where it runs)

    return LiteRt(weights, threads, callers, device)
