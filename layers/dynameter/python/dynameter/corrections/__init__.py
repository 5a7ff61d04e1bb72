"""Corrections: voiding events, undoing that, with every aggregation right afterwards."""
