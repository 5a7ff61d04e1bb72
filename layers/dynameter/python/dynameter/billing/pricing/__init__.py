"""Prices, rating and money."""
