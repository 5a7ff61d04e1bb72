"""Zuplo's metering API: OpenMeter v1's shapes under a bucket."""
