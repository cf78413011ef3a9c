"""What the capture service can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from doorbus.runtime.settings import Section, ServiceSettings
from doorbus.wire.messages import Slug
from doorbus_capture import posting
from doorbus_capture.picture import QUARTER, Region, View
from doorbus_capture.reader import Patience
from doorbus_capture.sampling import Rules
from doorbus_capture.sources.address import Address, Kind, parse
from doorbus_capture.sources.factory import Options
from doorbus_capture.sources.trust import Trust

_HOW_TO_MAKE_ONE = "openssl rand -hex 24"


class Camera(Section):
    """One camera at one door. Several cameras are several processes, each with an instance name of its own."""

    source: str = Field(
        default="sample",
        repr=False,
        description="`sample`, `none`, a device number, a file, a directory, a stream (rtsp://, http://...), a "
        "snapshot URL (snapshot+http://..., or http:// and a name that ends in .jpg), another program's topic on the "
        "broker (mqtt:TOPIC), or a port that takes pictures by HTTP (webhook:PORT, webhook:ADDRESS:PORT).",
    )
    password: SecretStr | None = Field(
        default=None,
        description="Password of the user whom the URL of the source names without one, as in rtsp://USER@CAMERA/...",
    )
    webhook_token: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="Secret of those who send pictures to the webhook: 16 to 256 letters, digits and . _ ~ -",
    )
    certificate: str = Field(
        default="",
        description="Whom to believe that they are the camera, where its URL has https:// or rtsps://. Nothing: "
        "whom the authorities of this machine vouch for; a file of authorities in PEM; sha256: and the fingerprint "
        "of the camera's own certificate; `unchecked`: anybody.",
    )
    door: Slug = Field(default="front", description="Id of the door.")
    camera: Slug = Field(default="porch", description="Id of the camera at that door.")

    @field_validator("source")
    @classmethod
    def _source_is_known(cls, text: str) -> str:
        parse(text)
        return text

    @field_validator("certificate")
    @classmethod
    def _certificate_can_be_read(cls, text: str) -> str:
        Trust.parse(text)
        return text

    @field_validator("webhook_token")
    @classmethod
    def _webhook_has_a_token(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        listens = parse(info.data.get("source", Kind.NONE)).kind is Kind.WEBHOOK
        if listens and token is None:
            raise ValueError(f"a webhook asks for a secret; make one with: {_HOW_TO_MAKE_ONE}")
        if token is not None and not posting.good_token(token.get_secret_value()):
            raise ValueError(f"give 16 to 256 letters, digits and . _ ~ - such as: {_HOW_TO_MAKE_ONE}")
        return token


class Capture(Rules, Camera):
    """One camera at one door, and which of its pictures are sent."""

    width: int = Field(
        default=640, ge=64, le=7680, description="Frames are at most this wide, in pixels; never enlarged, shape kept."
    )
    height: int = Field(default=480, ge=64, le=7680, description="Frames are at most this high, in pixels.")
    jpeg_quality: int = Field(
        default=88, ge=1, le=100, description="JPEG quality, 1 to 100; 88 makes about 60 kB of 640x480."
    )
    rotate: Annotated[int, Field(ge=0, le=270, multiple_of=QUARTER)] = Field(
        default=0, description="Degrees clockwise that bring the picture upright: 0, 90, 180 or 270."
    )
    mirror: bool = Field(default=False, description="Swap left and right, after rotating.")
    crop: str = Field(
        default="0,0,1,1",
        description="Part of the upright picture that is looked at and sent: x,y,width,height as fractions 0 to 1.",
    )
    source_width: int | None = Field(
        default=None, ge=1, description="Width to ask of a device, in pixels; its own choice when not given."
    )
    source_height: int | None = Field(
        default=None, ge=1, description="Height to ask of a device, in pixels; its own choice when not given."
    )
    timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="A source without a picture for so many seconds is opened again, and who takes "
        "longer to send one to the webhook is cut off.",
    )
    frozen_seconds: float = Field(
        default=60.0,
        ge=0,
        description="A camera whose pictures are the same to the bit for so many seconds is reported; 0 never.",
    )
    loop: bool = Field(default=True, description="Whether a file or a directory begins again at its end.")
    scene_seconds: float = Field(
        default=2.5, gt=0, le=3600, description="How long `sample` and a directory show each picture, in seconds."
    )

    @field_validator("crop")
    @classmethod
    def _crop_is_a_region(cls, text: str) -> str:
        Region.parse(text)
        return text

    @property
    def address(self) -> Address:
        """Where the pictures come from."""
        address = parse(self.source)
        return address if self.password is None else address.with_password(self.password.get_secret_value())

    @property
    def listening(self) -> posting.Listening | None:
        """Where pictures come by HTTP, if they do."""
        if self.address.kind is not Kind.WEBHOOK or self.webhook_token is None:
            return None
        host, port = self.address.listen
        return posting.Listening(host, port, self.webhook_token.get_secret_value(), self.timeout_seconds)

    @property
    def view(self) -> View:
        """What of the pictures counts."""
        return View(self.rotate, self.mirror, Region.parse(self.crop))

    @property
    def patience(self) -> Patience:
        """How long to wait for the source."""
        return Patience(timeout_seconds=self.timeout_seconds)

    def options(self, var: Path) -> Options:
        """What the source is told; sample pictures lie below `var`."""
        return Options(
            samples=var / "samples",
            scene_seconds=self.scene_seconds,
            loop=self.loop,
            timeout_seconds=self.timeout_seconds,
            trust=Trust.parse(self.certificate),
            width=self.source_width,
            height=self.source_height,
        )


class CaptureSettings(ServiceSettings):
    """All settings of the capture service."""

    capture: Capture = Capture()
