"""Measuring requests: how a route's exchanges count, and what plans allow (APIGate)."""
