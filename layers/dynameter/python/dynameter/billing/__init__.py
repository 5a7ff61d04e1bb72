"""From usage to the invoice: customers, features, plans, subscriptions, invoices, entitlements."""
