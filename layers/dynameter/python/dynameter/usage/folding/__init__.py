"""From the stream of events to what it adds to rows."""
