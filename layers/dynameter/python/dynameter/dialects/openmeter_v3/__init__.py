"""OpenMeter's v3 API, also spoken by Kong Konnect Metering & Billing."""
