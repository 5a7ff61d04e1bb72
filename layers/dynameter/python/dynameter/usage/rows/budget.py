"""How much one query may read, so that it is answered or refused, and never times out. Pure."""

from __future__ import annotations

import threading

from dynameter.errors import TooLarge

MAX_PAGES = 200
"""Pages (of 1 MB) that follow the first of each partition."""
MAX_ATTRIBUTES = 600_000
"""Attributes read: what the time of a query grows with. A row has 4 or 5 by the hour, up to some 180 by the minute."""
QUERY_TOO_LARGE = "query_too_large"
"""The code of what is over the budget."""


class ReadBudget:
    """Counts what the reads of one query have brought; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages = 0
        self._attributes = 0

    def spend(self, attributes: int, *, goes_on: bool) -> None:
        """Count one page; ``goes_on`` where another must follow. Raises TooLarge when the budget is used up."""
        with self._lock:
            self._pages += goes_on
            self._attributes += attributes
            spent = self._pages > MAX_PAGES or self._attributes > MAX_ATTRIBUTES
        if spent:
            raise TooLarge(
                "the query reads too much usage; ask for a shorter range, fewer subjects or a larger window",
                code=QUERY_TOO_LARGE,
            )
