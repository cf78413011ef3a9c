"""The shared part of doorbus: channels, messages, session and service runner."""

__version__ = "0.1.0"
"""Of all distributions: they are released together, and their builds read it here."""
