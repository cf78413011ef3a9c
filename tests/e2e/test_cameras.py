"""Whole systems with a camera in the network."""

import asyncio
import itertools
import time
from http.server import BaseHTTPRequestHandler

import numpy as np

from doorbus.local.stack import Stack
from doorbus.wire.channels import Role
from doorbus.wire.messages import Outcome, Reason
from doorbus_capture.imaging import decode, encode_jpeg, resize
from support.cameras import part, web_camera
from support.door import Door

CALM = {
    "DOORBUS_CAPTURE__CAMERA": "calm",
    "DOORBUS_CAPTURE__MOTION_HOLD_SECONDS": "0",  # as if they had been standing there for long
}


async def test_somebody_who_stands_still_before_a_calm_camera_gets_in(
    door: Door, living: Stack, jpeg: dict[str, bytes]
) -> None:
    """Only the noise of the sensor moves, so that of itself the camera sends a frame each 2 s: never two votes."""
    noise = np.random.default_rng(23)
    person = resize(decode(jpeg["obama2"]), (480, 640))
    pictures = [
        encode_jpeg(np.clip(person + noise.normal(0, 2, person.shape), 0, 255).astype(np.uint8), 88) for _ in range(20)
    ]

    def stream(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        for picture in itertools.cycle(pictures):
            request.wfile.write(part(picture))
            time.sleep(0.05)  # twenty a second, as a camera has it

    with web_camera(stream) as host:
        await living.start(Role.CAPTURE, CALM | {"DOORBUS_CAPTURE__SOURCE": f"http://{host}/live"}, instance="calm")
        try:
            async with asyncio.timeout(20):
                while (decision := await door.decision()).outcome is not Outcome.GRANTED:
                    pass
        finally:
            await living.stop_service("calm")
    assert (decision.person, decision.reason, decision.camera) == ("obama", Reason.MATCHED, "calm")
    assert len(decision.frame_ids) >= 2
