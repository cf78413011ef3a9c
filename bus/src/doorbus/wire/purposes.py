"""What biometrics are sealed for: what is sealed for one purpose is nothing to another. Pure."""


def of_sample(person: str) -> str:
    """The purpose of a template that the enroller keeps: worth nothing under another person's name."""
    return f"sample {person}"
