"""Usage held beside its raw events, and restored where it differs."""
