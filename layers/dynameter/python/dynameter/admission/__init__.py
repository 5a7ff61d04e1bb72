"""How many events a second a workspace may send: a bucket that its processes share, asked rarely."""
