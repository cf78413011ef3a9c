"""Keeps the pictures that people want to look at afterwards, sealed."""
