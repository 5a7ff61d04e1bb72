"""A house with a tenant in it, as the tests of all routes have it."""

from __future__ import annotations

from tests.unit.http.conftest import settled, untouched

__all__ = ["settled", "untouched"]
