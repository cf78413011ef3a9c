"""What a person, or somebody with a photo of them, does before the camera, made from sample pictures."""

from pathlib import Path

import cv2
import numpy as np

from doorbus_capture.sources.sample import SCENES
from doorbus_recognizer.faces import Image, SeenFace

WIDTH, HEIGHT = 640, 480


def visit(samples: Path, name: str, across: int = 140) -> Image:
    """The picture as a camera sees its person: 640x480, the face in the middle and `across` pixels wide."""
    scene = next(one for one in SCENES if one.file == name)
    picture = np.asarray(cv2.imread(str(samples / name)))
    scale = across / FACE_WIDTHS[name]
    matrix = np.array(
        [
            [scale, 0.0, WIDTH / 2 - scale * scene.x * picture.shape[1]],
            [0.0, scale, HEIGHT / 2 - scale * scene.y * picture.shape[0]],
        ]
    )
    seen = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, dtype=np.uint8)


FACE_WIDTHS = {"obama2.jpg": 314, "obama3.jpg": 269, "biden.jpg": 294, "astronaut.png": 104}
"""Of each sample, in its pixels."""


def closed(image: Image, face: SeenFace) -> Image:
    """The eyes closed: the skin above each of them drawn down over it, down to a dark line of lashes."""
    result = image.copy()
    for x, y in face.points[:2]:
        half, above, below = face.size * 0.21, face.size * 0.16, face.size * 0.09
        left, right = round(x - half), round(x + half)
        top, lid, bottom = round(y - above), round(y - face.size * 0.075), round(y + below)
        skin = cv2.resize(image[top:lid, left:right], (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        across, down = (right - left) // 2, (bottom - top) // 2
        mask = np.zeros(skin.shape[:2], np.float32)
        cv2.ellipse(mask, (across, down), (round(half * 0.95), down), 0, 0, 360, 1.0, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., np.newaxis]
        lashes = (across, bottom - top - 2 - round(face.size * 0.06)), (round(half * 0.75), round(face.size * 0.045))
        cv2.ellipse(skin, *lashes, 0, 20, 160, (30, 35, 45), 1, cv2.LINE_AA)
        part = result[top:bottom, left:right]
        part[:] = np.rint(skin * mask + part * (1 - mask))
    return result


def tilted(image: Image, degrees: float, turned: float = 0.0) -> Image:
    """A flat photo of the view, as large as the frame, tilted backwards and turned by these degrees."""
    focal, pitch, yaw = 700.0, np.radians(degrees), np.radians(turned)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (WIDTH / 2, HEIGHT / 2)
    x, z = corners[:, 0] * np.cos(yaw), corners[:, 0] * np.sin(yaw)
    y, z = corners[:, 1] * np.cos(pitch), z + corners[:, 1] * np.sin(pitch)
    seen = np.stack((WIDTH / 2 + focal * x / (focal + z), HEIGHT / 2 + focal * y / (focal + z)), axis=1)
    source = corners + np.array((WIDTH / 2, HEIGHT / 2))
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), seen.astype(np.float32))
    photo = cv2.warpPerspective(image, matrix, (WIDTH, HEIGHT), borderValue=(120, 125, 130))
    return np.asarray(photo, dtype=np.uint8)
