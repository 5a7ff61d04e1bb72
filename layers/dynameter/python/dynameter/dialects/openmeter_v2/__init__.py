"""OpenMeter's v2 API, as far as it differs from v1 (contracts: OpenMeter OpenAPI 1.0.0-beta)."""
