"""Entitlements: what customers may use."""
