"""Calling the service over HTTP; needs nothing of AWS."""
