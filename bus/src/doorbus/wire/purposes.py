"""What biometrics are sealed for: what is sealed for one purpose is nothing to another. Pure."""

OF_A_FACE = "face"
"""The purpose of an aligned face in a recognizer's reply."""


def of_face(person: str) -> str:
    """The purpose of an aligned face that the enroller keeps."""
    return f"face of {person}"


def of_sample(person: str) -> str:
    """The purpose of a template that the enroller keeps: worth nothing under another person's name."""
    return f"sample {person}"
