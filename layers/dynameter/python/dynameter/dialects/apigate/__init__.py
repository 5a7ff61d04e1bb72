"""APIGate's admin and metering APIs: JSON:API documents over routes, plans, users, exchanges and quotas."""
