"""Subjects as people name them: a display name and metadata for what events call their subject."""
