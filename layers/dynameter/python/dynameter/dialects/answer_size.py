"""How large an answer can be: Lambda carries 6 MB, in which the body is a JSON string and so escaped."""

from __future__ import annotations

import json

from dynameter.errors import TooLarge
from dynameter.http.message import Response

MAX_ANSWER_BYTES = 5_500_000
"""Bytes of an answer's body inside Lambda's response of at most 6 MB."""
_MOST_ESCAPED_BYTES = 12
"""What one character can become in a JSON string of ASCII: two escapes of six characters."""


def is_too_large(response: Response) -> bool:
    """Whether Lambda could not carry the response."""
    may_be = len(response.body) * _MOST_ESCAPED_BYTES > MAX_ANSWER_BYTES
    return may_be and len(json.dumps(response.body)) > MAX_ANSWER_BYTES


def refuse_large(response: Response, advice: str) -> Response:
    """The response; raises TooLarge, with the advice, where Lambda could not carry it."""
    if is_too_large(response):
        raise TooLarge(f"the answer is too large; {advice}")
    return response
