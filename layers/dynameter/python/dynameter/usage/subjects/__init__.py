"""Which subjects have used what a meter counts."""
