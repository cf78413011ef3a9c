"""What runs a service, or a client."""
