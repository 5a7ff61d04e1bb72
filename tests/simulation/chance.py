"""Nothing in the simulation is left to chance: ids and the order of work follow from the seed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Executor, Future
from concurrent.futures._base import DoneAndNotDoneFutures
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

from tests.simulation.faults import Killed


class Task(Future[Any]):
    """Work that is done when somebody wants its result."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work

    def do(self) -> None:
        """Do it, if that was not done and it was not cancelled. What kills the process ends everything at once."""
        if not self.done() and self.set_running_or_notify_cancel():
            try:
                self.set_result(self._work())
            except Killed:
                raise
            except BaseException as error:
                self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        self.do()
        return super().result(timeout)


class OneByOne(Executor):
    """Does what is submitted in the caller's thread, one after the other."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        super().__init__()

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        return Task(lambda: call(*args, **options))


@contextmanager
def without_chance(random: Random) -> Iterator[None]:
    """Ids are the same in every run; what would run side by side runs in an order that ``random`` gives."""

    def wait(futures: Iterable[Future[Any]], timeout: float | None = None, return_when: str = "") -> Any:
        waiting = list(futures)
        random.shuffle(waiting)
        for future in waiting:
            assert isinstance(future, Task)
            future.do()
            if return_when == FIRST_EXCEPTION and not future.cancelled() and future.exception() is not None:
                break
        done = {future for future in waiting if future.done()}
        return DoneAndNotDoneFutures(done, set(waiting) - done)

    with ExitStack() as stack:
        stack.enter_context(patch.object(os, "urandom", random.randbytes))
        for name, module in list(sys.modules.items()):
            if name.startswith("dynameter.") and hasattr(module, "ThreadPoolExecutor"):
                stack.enter_context(patch.object(module, "ThreadPoolExecutor", OneByOne))
                if hasattr(module, "wait"):
                    stack.enter_context(patch.object(module, "wait", wait))
        yield
