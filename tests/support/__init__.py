"""What several tests share: doors, sites and foreign programs as a test sees them."""
