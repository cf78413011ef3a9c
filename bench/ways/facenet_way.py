"""facenet-pytorch: MTCNN with its own weights, InceptionResnetV1 with made-up ones, as its own are no package's.

`facenet_way.py ENROLLED`. The time is the true one, the name says nothing.
"""

import sys

import torch
from facenet_pytorch import MTCNN, InceptionResnetV1
from PIL import Image

from ways.loop import serve


def main() -> None:
    """Enrol one picture and serve."""
    detector, embedder = MTCNN(keep_all=True), InceptionResnetV1(pretrained=None, classify=False).eval()

    def templates(path: str) -> torch.Tensor | None:
        faces = detector(Image.open(path).convert("RGB"))
        return None if faces is None else embedder(faces)

    with torch.no_grad():
        enrolled = templates(sys.argv[1])
        assert enrolled is not None

        def recognise(path: str) -> str | None:
            found = templates(path)
            return None if found is None else "enrolled" if bool((torch.cdist(found, enrolled) < 1).any()) else None

        serve(recognise)


if __name__ == "__main__":
    main()
