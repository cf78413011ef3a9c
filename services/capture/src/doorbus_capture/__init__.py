"""The capture service: pictures of a camera, as frames on the bus."""
