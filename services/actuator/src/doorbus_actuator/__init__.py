"""The actuator: the only authority over the door."""
