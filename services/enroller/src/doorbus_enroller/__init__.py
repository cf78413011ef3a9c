"""Keeps the people: turns enrolment requests into the gallery and the roster."""
