"""What is wrong with requests of every kind, in words. Pure."""

from doorbus.wire.messages import ErrorCode, Fault


def unknown(person: str) -> Fault:
    """Nobody is there to be changed."""
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=f"nobody is enrolled as {person}; enrol a picture first")


def nothing_of(person: str) -> Fault:
    """Nobody is there of whom something could be taken away."""
    message = f"nobody is enrolled as {person}, so there is nothing to remove; doorbus people lists everybody"
    return Fault(code=ErrorCode.UNKNOWN_PERSON, message=message)


def sealed_otherwise(store: str) -> Fault:
    """No sample at all can be read."""
    message = (
        f"{store}: none of the samples can be read with this site key; put the former key back, or "
        "remove all people and enrol them anew"
    )
    return Fault(code=ErrorCode.STORAGE_FAILED, message=message)
