"""Features: what is sold."""
