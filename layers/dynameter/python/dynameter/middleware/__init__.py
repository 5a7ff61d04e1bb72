"""Measuring requests in the process that serves them: ASGI, WSGI and Powertools middleware. See docs/middleware.md."""

from dynameter.middleware.identity import Caller
from dynameter.middleware.observer import Observer
from dynameter.middleware.settings import MeteringSettings
from dynameter.middleware.stats import RecorderStats

__all__ = ["Caller", "MeteringSettings", "Observer", "RecorderStats"]
