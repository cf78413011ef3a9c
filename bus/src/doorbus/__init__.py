"""The shared part of doorbus: channels, messages, session and service runner."""

__version__ = "0.1.0"
