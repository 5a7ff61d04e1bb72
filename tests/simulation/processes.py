"""Lambda's processes: each a loaded function with caches and a clock of its own, one request at a time.

A run may be stopped at a call of storage and go on later. It has a thread for that, which runs only while everybody
else waits, so that a history depends on nothing but its steps and its seed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

from tests.conftest import LambdaContext
from tests.simulation.clock import WorldClock
from tests.simulation.faults import Killed

CALL_US = 20_000_000
"""A write of an event or of its mark is not under way for longer: the client library gives up."""


@dataclass(eq=False)
class Process:
    """A process of a function. ``skew_us`` is how far its clock is off."""

    function: str
    module: ModuleType | SimpleNamespace
    skew_us: int


@dataclass(eq=False)
class Run:
    """One run of a handler in a process. It must end at ``until_us`` of true time, dead or alive."""

    process: Process
    clock: WorldClock
    event: Mapping[str, Any]
    timeout_s: int
    until_us: int
    stalled: bool = False
    dead: bool = False
    answer: Any = None
    error: BaseException | None = None
    _thread: threading.Thread | None = None
    _goes: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stops: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def go(self, *, may_stall: bool) -> None:
        """Begin or go on, until the end or until it stands still."""
        if self.stalled:
            self.stalled = False
            self._goes.release()
        elif may_stall:
            self._thread = threading.Thread(target=self._run_and_stop, daemon=True)
            self._thread.start()
        else:
            self._run()
            return
        self._stops.acquire()
        if not self.stalled and self._thread is not None:
            self._thread.join()

    def stall(self, table: str) -> None:
        """Stand still, called in the run itself, before it writes the table ("" where nothing is under way)."""
        if table == "EventsTable":
            self.until_us = min(self.until_us, self.clock.now + CALL_US)
        self.stalled = True
        self._stops.release()
        self._goes.acquire()
        self.check_alive()

    def check_alive(self) -> None:
        """Raise Killed where the time is over."""
        if self.dead or self.clock.now > self.until_us:
            self.dead = True
            raise Killed

    def kill(self) -> None:
        """End a run that stands still."""
        self.dead = True
        self.go(may_stall=False)

    def _run_and_stop(self) -> None:
        self._run()
        self._stops.release()

    def _run(self) -> None:
        try:
            with self.clock.skewed(self.process.skew_us):
                context = LambdaContext(remaining_ms=self.timeout_s * 1_000)
                self.answer = self.process.module.handler(self.event, context)
        except BaseException as error:
            self.error = error


@dataclass
class Fleet:
    """The processes of all functions. ``timeouts_s`` are the functions' own, ``skew_ms`` is that of any two clocks.

    ``commands`` are run as functions are: an operator's, by name. ``planted`` stands in every function in place of what
    it imports under that name.
    """

    clock: WorldClock
    random: Random
    folders: Mapping[str, Path]
    timeouts_s: Mapping[str, int]
    skew_ms: int
    commands: Mapping[str, Callable[[Any, Any], Any]] = field(default_factory=dict)
    planted: dict[str, Any] = field(default_factory=dict)
    idle: dict[str, list[Process]] = field(default_factory=dict)
    current: Run | None = None
    stalled: list[Run] = field(default_factory=list)

    def run(self, function: str, event: Mapping[str, Any], *, may_stall: bool) -> Run:
        """Run the function in a process that is free, an old one or a new one; see ``resume``."""
        timeout_s = self.timeouts_s[function]
        until_us = self.clock.now + timeout_s * 1_000_000
        run = Run(self._take(function), self.clock, event, timeout_s, until_us)
        self.resume(run, may_stall=may_stall)
        return run

    def resume(self, run: Run, *, may_stall: bool) -> None:
        """Let it run. A process that survives is free again afterwards. Raises what only a bug makes a run raise."""
        self.current = run
        try:
            run.go(may_stall=may_stall)
        finally:
            self.current = None
        if run.stalled:
            self.stalled.append(run)
        elif not isinstance(run.error, Killed):
            self.idle[run.process.function].append(run.process)

    def stall(self, table: str) -> None:
        """Make the run that calls this stand still."""
        assert self.current is not None
        self.current.stall(table)

    def check_alive(self) -> None:
        """Raise Killed in a run whose time is over."""
        if self.current is not None:
            self.current.check_alive()

    def lose(self, function: str) -> None:
        """End the function's idle processes; the next request gets one without caches."""
        self.idle[function] = []

    def _take(self, function: str) -> Process:
        idle = self.idle.setdefault(function, [])
        if idle and self.random.random() < 0.9:
            return idle.pop(self.random.randrange(len(idle)))
        skew_us = self.random.randint(-self.skew_ms * 500, self.skew_ms * 500)
        with self.clock.skewed(skew_us):
            return Process(function, self._load(function), skew_us)

    def _load(self, function: str) -> ModuleType | SimpleNamespace:
        if function in self.commands:
            return SimpleNamespace(handler=self.commands[function])
        module = _load(self.folders[function])
        vars(module).update({name: found for name, found in self.planted.items() if hasattr(module, name)})
        return module


def _load(folder: Path) -> ModuleType:
    module = ModuleType(f"functions_{folder.name}_app")
    module.__file__ = str(folder / "app.py")
    exec(_code(folder), module.__dict__)
    return module


@cache
def _code(folder: Path) -> CodeType:
    path = folder / "app.py"
    return compile(path.read_text(), path, "exec")
