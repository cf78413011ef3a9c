"""What crosses the bus."""
