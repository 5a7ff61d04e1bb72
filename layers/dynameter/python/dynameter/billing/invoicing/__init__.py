"""Invoices: what is due of subscriptions, issued exactly once, previewed at any time."""
