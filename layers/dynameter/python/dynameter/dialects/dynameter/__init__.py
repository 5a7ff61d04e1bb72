"""This service's own JSON forms; errors are OpenMeter v1's problems."""
