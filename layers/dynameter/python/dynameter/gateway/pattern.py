"""Regular expressions from outside, matched in time linear to the text.

The engine is RE2: it has no backtracking, so that no pattern can hang a request. Its syntax is that of Go's regexp
package, which APIGate uses; there are no look-arounds and no back-references.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

MAX_PATTERN_CHARACTERS: Final = 1_000
MAX_PATTERN_MEMORY_BYTES: Final = 1 << 20
"""What a compiled pattern may take; repetitions such as ``(a{1,1000}){1,1000}`` are refused by it."""

MAX_PATTERN_SIZE: Final = 1_000
"""Instructions of a compiled pattern: at worst, each costs about 5 ns a character of the text."""


class InvalidPattern(ValueError):
    """The text is no regular expression that is served here; the message says why."""


class Pattern:
    """A compiled regular expression; ``size`` is the number of its instructions."""

    __slots__ = ("_regexp", "size", "text")

    def __init__(self, text: str, regexp: Any) -> None:
        self.text = text
        self.size: int = regexp.programsize
        self._regexp = regexp

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in ``text``."""
        return self._regexp.search(text.encode("utf-8", "replace")) is not None


@lru_cache(maxsize=1_024)
def compile_pattern(text: str) -> Pattern:
    """Compile a regular expression in RE2's syntax. Raises ``InvalidPattern``."""
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise InvalidPattern(f"the pattern is longer than {MAX_PATTERN_CHARACTERS} characters")
    # Imported on first use: most functions never see a pattern, and a cold start should not pay for it.
    import re2

    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    try:
        pattern = Pattern(text, re2.compile(text.encode(), options))
    except UnicodeEncodeError:
        raise InvalidPattern("the pattern holds half a surrogate pair") from None
    except re2.error as error:
        reason = error.args[0] if error.args else "no regular expression"
        raise InvalidPattern(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    if pattern.size > MAX_PATTERN_SIZE:
        raise InvalidPattern(f"the pattern is too large: {pattern.size} instructions, {MAX_PATTERN_SIZE} are allowed")
    return pattern
