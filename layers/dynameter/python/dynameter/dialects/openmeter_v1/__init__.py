"""OpenMeter's v1 API (contracts: OpenMeter OpenAPI 1.0.0-beta)."""
