"""Services put together from their stores, for the functions that share them. Only functions import this."""
