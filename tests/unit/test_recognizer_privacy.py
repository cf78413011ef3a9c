"""What happens at a door is nobody else's business."""

import os
import subprocess
import sys

LOOK = """
import os, sys
import doorbus_recognizer
assert "onnxruntime" not in sys.modules
import doorbus_recognizer.models.onnx
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


def test_onnxruntime_is_told_to_report_to_nobody_before_it_is_imported() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    looked = subprocess.run([sys.executable, "-c", LOOK], check=False, capture_output=True, text=True, env=environment)

    assert (looked.returncode, looked.stderr) == (0, "")
    assert looked.stdout == "1\n"
