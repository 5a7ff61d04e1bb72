"""Amigo's platform API: emitting metering events and managing API keys."""
