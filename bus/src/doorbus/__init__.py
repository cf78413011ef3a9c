"""What the services, the command and people's programs share; docs/architecture.md shows its rooms."""

__version__ = "0.1.0"
"""All distributions have this version: they are released together, and their builds read it here."""
