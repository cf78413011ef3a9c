"""doorbus as it is set up by default, liveness included: `doorbus_way.py WEIGHTS ENROLLED`."""

import sys
from pathlib import Path

from doorbus.wire.templates import Template
from doorbus_recognizer.decode import decode
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.matching import Gallery
from ways.loop import serve


def main() -> None:
    """Enrol one picture and serve."""
    vision = build_vision(weights_dir=Path(sys.argv[1]))
    enrolled = vision.see(decode(Path(sys.argv[2]).read_bytes()).image)[0][0].template
    gallery = Gallery.build({"enrolled": [enrolled]}, vision.model_id)

    def settled(alone: Template) -> bool:
        return gallery.settled(gallery.match(alone, vision.scale), vision.scale)

    def recognise(path: str) -> str | None:
        faces, _ = vision.see(decode(Path(path).read_bytes()).image, settled)
        matches = [gallery.match(face.template, vision.scale) for face in faces if face.live is not None]
        return next((one.person for one in matches if one.person), None)

    serve(recognise)


if __name__ == "__main__":
    main()
