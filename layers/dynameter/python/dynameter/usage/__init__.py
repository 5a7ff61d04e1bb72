"""Usage: folding events into windowed aggregates, and answering from them."""
