"""The template's Lambda functions, run in this process."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.gateway import ACCOUNT, REGION
from local.template import Function

_log = logging.getLogger("local.functions")

Handler = Callable[[Any, Any], Any]


class FunctionFailed(Exception):
    """The handler raised, or returned what JSON cannot hold; its log has the reason."""


class LambdaContext:
    """Lambda's context object; the time left counts down from the function's timeout."""

    function_version = "$LATEST"
    log_stream_name = "local"
    identity = None
    client_context = None

    def __init__(self, function: Function, now: Callable[[], float] = time.monotonic) -> None:
        self.function_name = function.name
        self.memory_limit_in_mb = function.memory_mb
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.aws_request_id = str(uuid.uuid4())
        self._now = now
        self._deadline = now() + function.timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the function; here it is told and not enforced."""
        return max(0, int((self._deadline - self._now()) * 1000))


class Functions:
    """Every function of the template, imported once, each ``app.py`` under a module name of its own.

    Calls run in the caller's thread and may overlap. The first call of a function is the only one of that function: on
    Lambda a cold start has its process for itself, and lru_cache does not promise more.
    """

    def __init__(self, functions: Sequence[Function]) -> None:
        self._functions = {one.name: one for one in functions}
        self._handlers = {one.name: load_handler(one) for one in functions}
        sys.excepthook = sys.__excepthook__  # Powertools' own prints this process's faults a second time, as JSON
        self._cold = set(self._functions)
        self._cold_starts = {one.name: threading.Lock() for one in functions}

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """Call a function as Lambda does: event and result are JSON. Raises ``FunctionFailed``."""
        if name in self._cold:
            with self._cold_starts[name]:
                result = self._call(name, event)
                self._cold.discard(name)
                return result
        return self._call(name, event)

    def _call(self, name: str, event: Mapping[str, Any]) -> Any:
        copy = json.loads(json.dumps(event))
        try:
            return json.loads(json.dumps(self._handlers[name](copy, LambdaContext(self._functions[name]))))
        except Exception as error:
            _log.exception("%s failed", name)
            raise FunctionFailed(f"{name}: {error!r}") from error


def load_handler(function: Function) -> Handler:
    """Import the function's module. Raises FileNotFoundError or what the import raises."""
    module_name, _, attribute = function.handler.rpartition(".")
    path = Path(function.folder) / f"{module_name}.py"
    if not path.is_file():
        raise FileNotFoundError(f"the template's {function.name} has no code at {path}")
    name = f"functions_{path.parent.name}_{module_name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    handler: Handler = getattr(module, attribute)
    return handler


def merged_environment(functions: Sequence[Function]) -> dict[str, str]:
    """The functions' variables as one environment; raises ValueError where two functions disagree on one."""
    merged: dict[str, str] = {}
    for function in functions:
        for name, value in function.environment.items():
            if merged.setdefault(name, value) != value:
                raise ValueError(f"{function.name} sets {name} otherwise than another function; one process holds all")
    return merged
