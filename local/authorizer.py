"""The gate before every route: API Gateway's Lambda authorizer with simple answers, without its cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from local.gateway import HttpAnswer, HttpRequest, Match, authorizer_event, message

Invoke = Callable[[str, Mapping[str, Any]], Any]
"""Calls a function of the template by its name; raises FunctionFailed."""


class Refused(Exception):
    """The request stops here with ``answer``."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Authorizer:
    """Asks the template's authorizer function about each request.

    Differs from a deployed API in one thing: nothing is remembered, as with ``AuthorizerCacheSeconds`` 0, so a
    deleted key stops at once.
    """

    def __init__(self, function: str, invoke: Invoke) -> None:
        self._function = function
        self._invoke = invoke

    def grant(self, request: HttpRequest, match: Match, request_id: str, moment: datetime) -> Mapping[str, Any]:
        """The context that the function grants; raises ``Refused``, or what the function's failure raised."""
        identity = request.headers.get("authorization", "")
        if not identity:  # without its identity source API Gateway does not call the function
            raise Refused(message(HTTPStatus.UNAUTHORIZED))
        result = self._invoke(self._function, authorizer_event(request, match, request_id, moment, [identity]))
        if not isinstance(result, dict) or not isinstance(result.get("isAuthorized"), bool):
            raise Refused(message(HTTPStatus.INTERNAL_SERVER_ERROR))
        if not result["isAuthorized"]:
            raise Refused(message(HTTPStatus.FORBIDDEN))
        context = result.get("context")
        return context if isinstance(context, dict) else {}
