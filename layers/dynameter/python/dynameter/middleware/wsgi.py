"""WSGI middleware: Flask, Django, Bottle, Pyramid and any other WSGI app.

app = MeteringMiddleware(app, MeteringSettings(url=..., key=...))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dynameter.middleware import lifecycle
from dynameter.middleware.observation import Observation
from dynameter.middleware.observer import Observer
from dynameter.middleware.quota import MEDIA_TYPE, PAYMENT_REQUIRED, UNKNOWN, Verdict
from dynameter.middleware.settings import MeteringSettings

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class MeteringMiddleware:
    """Measures requests; sends what is left when the process exits, or is told to by SIGTERM."""

    def __init__(self, app: App, settings: MeteringSettings | None = None, *, observer: Observer | None = None) -> None:
        """Raises ValueError without settings or an observer."""
        if observer is None and settings is None:
            raise ValueError("the metering middleware needs settings or an observer")
        self.app = app
        self.observer = observer or Observer(settings)  # type: ignore[arg-type]
        lifecycle.watch_termination()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        observer = self.observer
        observation = observer.observe(str(environ["REQUEST_METHOD"]), _path(environ))
        if not observation.announce(environ.get("CONTENT_LENGTH")) and "wsgi.input" in environ:
            environ["wsgi.input"] = _CountedInput(environ["wsgi.input"], observation)
        verdict = self._verdict(environ, observation)
        if not verdict.allowed:
            return _refuse(start_response, verdict)
        observation.quota_headers = verdict.headers

        def started(status: str, headers: Headers, *exc_info: Any) -> Callable[[bytes], object]:
            named = {name.lower(): value for name, value in headers}
            observation.begin(_status(status), named.get("content-encoding", ""), named.get("content-length"))
            told = [(name.title(), value) for name, value in observation.quota_headers.items()]
            write = start_response(status, [*headers, *told], *exc_info)

            def watched(data: bytes) -> object:
                observation.pass_chunk(data)
                return write(data)

            return watched

        try:
            body = self.app(environ, started)
        except Exception:
            observation.fail()
            observer.record(observation, environ)
            raise
        kind = _SizedBody if hasattr(body, "__len__") else _Body
        return kind(body, observation, lambda: observer.record(observation, environ))

    def _verdict(self, environ: Environ, observation: Observation) -> Verdict:
        gate = self.observer.gate
        if gate is None:
            return UNKNOWN
        observation.caller = caller = self.observer.identify(environ)
        if caller is None:
            return UNKNOWN
        return gate.check(caller.user_id, observation.route.id if observation.route else "")


class _Body:
    """The app's body, watched as the server takes it."""

    def __init__(self, body: Iterable[bytes], observation: Observation, record: Callable[[], None]) -> None:
        self._body = body
        self._chunks: Iterator[bytes] | None = None
        self._observation = observation
        self._record = record
        self._passed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = iter(self._body)
            chunk = next(self._chunks)
        except StopIteration:
            self._record()
            raise
        except Exception:
            self._observation.fail()
            self._record()
            raise
        self._observation.pass_chunk(chunk)
        self._passed += 1
        if self._observation.whole or self._is_last():
            # Before it leaves: what a client has whole was recorded.
            self._record()
        return chunk

    def _is_last(self) -> bool:
        """Whether nothing more will pass, as far as it is known."""
        return False

    def close(self) -> None:
        """The server is done, or the client has gone."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._record()


class _SizedBody(_Body):
    """A body that says of how many parts it is: servers make a Content-Length of one."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]

    def _is_last(self) -> bool:
        return self._passed == len(self)


class _CountedInput:
    """A request's body of no announced length, counted as the app reads it."""

    def __init__(self, stream: Any, observation: Observation) -> None:
        self._stream = stream
        self._observation = observation

    def read(self, *size: int) -> bytes:
        return self._count(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._count(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._count(line) for line in self._stream.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return (self._count(line) for line in self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _count(self, data: bytes) -> bytes:
        self._observation.request_bytes += len(data)
        return data


def _path(environ: Environ) -> str:
    """The decoded path; WSGI passes its bytes as Latin-1 text."""
    raw = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return raw.encode("latin-1", "replace").decode("utf-8", "replace") or "/"


def _status(line: str) -> int:
    return int(line[:3]) if line[:3].isdigit() else 500


def _refuse(start_response: StartResponse, verdict: Verdict) -> list[bytes]:
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(verdict.body)), **verdict.headers}
    start_response(f"{PAYMENT_REQUIRED} Payment Required", [(name.title(), value) for name, value in headers.items()])
    return [verdict.body]
