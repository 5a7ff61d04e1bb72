"""Quotas: what users' plans let them do."""
