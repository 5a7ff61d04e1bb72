"""Long work in the background: jobs, and what they do to meters' usage."""
