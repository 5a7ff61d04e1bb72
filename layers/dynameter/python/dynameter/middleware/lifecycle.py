"""What happens to observers when their process forks, exits or is told to terminate."""

from __future__ import annotations

import atexit
import codecs
import os
import signal
import threading
import weakref
from types import FrameType
from typing import Protocol

# Finding a host loads this, in a thread: a fork at that moment would leave the lock of its import taken for ever.
codecs.lookup("idna")


class Living(Protocol):
    """What an observer offers here."""

    def close(self) -> None:
        """Send what is there."""

    def renew(self) -> None:
        """Begin anew in a forked process."""


_observers: weakref.WeakSet[Living] = weakref.WeakSet()
_watching = threading.Event()


def watch(observer: Living) -> None:
    """Close the observer when the process exits, renew it in a forked one."""
    _observers.add(observer)
    if not _watching.is_set():
        _watching.set()
        atexit.register(_close_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_renew_all)


def watch_termination() -> bool:
    """Close the observers on SIGTERM where nobody handles it; answers whether this does so now.

    A program or server with a handler of its own ends in its own order, and then its exit is what is waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    signal.signal(signal.SIGTERM, _on_termination)
    return True


def _on_termination(number: int, _frame: FrameType | None) -> None:
    """Close in a thread: the main one was interrupted anywhere and may hold a lock that closing needs.

    It goes on meanwhile. Then the signal takes its usual effect; a second one does at once.
    """
    ours = signal.getsignal(signal.SIGTERM) is _on_termination
    if ours:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def close() -> None:
        _close_all()
        if ours:
            os.kill(os.getpid(), number)

    threading.Thread(target=close, name="dynameter-end", daemon=True).start()


def _close_all() -> None:
    for observer in list(_observers):
        observer.close()


def _renew_all() -> None:
    for observer in list(_observers):
        observer.renew()
