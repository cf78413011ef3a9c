"""Says who is on a frame."""

import os

# onnxruntime reports to its makers over the network unless this is set before it is imported, wherever from.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
