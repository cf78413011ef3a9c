"""A whole doorbus on one machine."""
