"""Thresholds of usage and balances: rules, crossings, and how they are told."""
