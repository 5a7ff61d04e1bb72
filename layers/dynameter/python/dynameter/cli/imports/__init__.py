"""Files into events: resumable, and exact however often a file is imported."""
