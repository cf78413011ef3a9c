"""What recognizers are asked, and which of them run."""

from collections.abc import Callable

from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import EmbedRequest
from doorbus_enroller.runners import Runners

FACES_EACH = 4
"""Faces that one recognizer is asked about at once, when people are taken over to its model."""
MOST_RUNNERS = 8


class Asking:
    """Requests to recognizers, whose answers come to this instance. `runners` are those that are online."""

    def __init__(self, instance: str, new_id: Callable[[], bytes]) -> None:
        self.runners = Runners()
        self.new_id = new_id
        self.reply_ids = {"token": instance}

    def room_for(self, model: str) -> int:
        """How many faces recognizers of a model are asked about at once."""
        return min(len(self.runners.of(model)), MOST_RUNNERS) * FACES_EACH

    def embed(self, key: bytes, jpeg: bytes) -> Outbound:
        """Ask any recognizer for the faces on a picture."""
        return Outbound(
            channels.EMBED_REQUEST,
            EmbedRequest(jpeg=jpeg),
            correlation=key,
            response=(channels.EMBED_REPLY, self.reply_ids),
        )

    def embed_face(self, model: str, key: bytes, face: bytes) -> Outbound:
        """Ask a recognizer of `model` for the template of a face."""
        return Outbound(
            channels.EMBED_FACE,
            face,
            {"embedder": id_of_model(model)},
            correlation=key,
            response=(channels.EMBED_REPLY, self.reply_ids),
        )
