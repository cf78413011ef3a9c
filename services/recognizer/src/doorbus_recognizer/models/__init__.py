"""Detectors, embedders and what runs them, each behind one of a few Protocols."""

import sys

# OpenVINO tells its makers of every start of whoever imports it, and keeps a number of the user for that, unless this
# package is not there. None is how Python is told so.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # as documented of sys.modules
