"""What ends a process that was set up wrongly."""


class SetupError(Exception):
    """A process cannot work as it was set up; the text names the setting, its value and the way out."""
