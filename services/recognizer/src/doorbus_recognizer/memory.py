"""Memory that the process has no use for any more goes back to the system."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""glibc's M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX, see mallopt(3)."""
LARGE = 1 << 20
"""Bytes; the pixels of a frame of 640x480 are just below, and cost nothing more."""
SPARE = 4 << 20
"""Bytes that each heap keeps for the next frame: to ask the system for them again and again takes a millisecond."""
ARENAS = 2


def give_back() -> None:
    """From now on a block of more than `LARGE` bytes is the system's again as soon as it is free, and others sooner.

    By itself glibc keeps blocks up to the largest that was ever freed, 32 MiB at most, and has a heap for each thread,
    none of which shrinks beyond its last block in use. One photo of 12 megapixels would leave a recognizer 70 MiB
    larger for ever, and the pictures that happened to come last 40 more or less. Other libraries than glibc do not know
    the call. To be called before there are other threads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, SPARE)
        mallopt(_ARENA_MAX, ARENAS)
