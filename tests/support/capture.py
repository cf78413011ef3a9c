"""What the tests of foreign pictures share: such a picture, and somebody who hears what capture makes of it."""

import asyncio

from doorbus.testing import FakeClock
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT
from doorbus.wire.codec import Arrival
from doorbus.wire.messages import Frame, Health
from doorbus.wire.packet import Packet
from doorbus_capture.imaging import encode_jpeg
from doorbus_capture.sources.fakes import plain


def picture(level: int) -> bytes:
    image = plain(level, 320, 240)
    image[50:150, level : level + 60] = 255 - level
    return encode_jpeg(image, 90)


class Listener:
    """Hears the frames of the camera `porch`, and health."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.frames: asyncio.Queue[Packet] = asyncio.Queue()
        self.healths: asyncio.Queue[Health] = asyncio.Queue()

    def deliver(self, packet: Packet) -> None:
        if "/frame/" in packet.topic:
            self.frames.put_nowait(packet)
        elif "/health/" in packet.topic:
            self.healths.put_nowait(Health.model_validate_json(packet.payload))

    async def frame(self) -> Frame:
        packet = await self.frames.get()
        assert (packet.topic, packet.retain) == (f"{DEFAULT_ROOT}/door/front/frame/porch", False)
        frame: Frame = channels.FRAME.codec.decode(packet, {}, Arrival(self.clock.now(), "none"))
        return frame
