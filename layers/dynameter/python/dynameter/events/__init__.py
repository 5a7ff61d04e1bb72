"""Usage events: what they are, which are accepted, where they are kept."""
