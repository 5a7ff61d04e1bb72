"""Answering how much was used, and when."""
