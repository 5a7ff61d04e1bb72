"""Meters: which events count, and how."""
