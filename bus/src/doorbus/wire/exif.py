"""Which way up a picture is, as EXIF says. Pure."""

import struct

UPRIGHT = 1
START = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT = 3


def is_exif(body: bytes) -> bool:
    """Whether the body of an APP1 segment is EXIF; some hold other notes."""
    return body.startswith(START)


def orientation(body: bytes) -> int:
    """The orientation in the first directory of EXIF data: 1 is upright, 2 to 8 are turned or mirrored.

    Upright where it names none that there is.
    """
    tiff = body[len(START) :]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for number in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * number)
            if tag == _ORIENTATION:
                return value if value in range(1, 9) else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT


def saying(orientation: int) -> bytes:
    """EXIF that says nothing else."""
    return START + struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
