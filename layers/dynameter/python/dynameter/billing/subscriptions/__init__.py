"""Subscriptions: customers on plans."""
