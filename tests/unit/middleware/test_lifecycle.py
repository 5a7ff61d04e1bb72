"""What becomes of recorded usage when a process ends, in processes that do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.unit.middleware.service import MeteringService

ENDS_WITHIN_S = 90

APP = """
import os, signal, sys
from dynameter.middleware import MeteringSettings
from dynameter.middleware.wsgi import MeteringMiddleware

def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]

def call():
    body = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}, lambda *_: None)
    list(body)
    body.close()

app = MeteringMiddleware(plain, MeteringSettings(url=sys.argv[1], key="dm_test", batch_wait_s=60))
"""
SERVER = """
from wsgiref.simple_server import WSGIRequestHandler, make_server
class Quiet(WSGIRequestHandler):
    def log_message(self, *_): pass
server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
print(server.server_port, flush=True)
"""
SERVE = SERVER + "server.serve_forever()"
SERVE_WITH_HANDLER = (
    SERVER
    + """
import threading
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
sys.exit(7)
"""
)
FORK = """
call()
child = os.fork()
if child == 0:
    call()
    sys.exit(0)
os.waitpid(child, 0)
"""


def run(program: str, service: MeteringService) -> None:
    subprocess.run([sys.executable, "-c", APP + program, service.fake.url], check=True, timeout=ENDS_WITHIN_S)


def start_server(program: str, service: MeteringService) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", APP + program, service.fake.url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        return process, f"http://127.0.0.1:{process.stdout.readline().strip()}/"


def test_usage_is_sent_when_the_program_comes_to_its_end(service: MeteringService) -> None:
    run("call()", service)

    assert len(service.events) == 1


def test_usage_is_sent_when_the_program_exits_by_an_error(service: MeteringService) -> None:
    run("call()\nsys.exit(0)", service)

    assert len(service.events) == 1


def test_usage_is_sent_when_a_server_that_knows_no_signals_is_told_to_terminate(service: MeteringService) -> None:
    process, url = start_server(SERVE, service)
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"served"

    process.send_signal(signal.SIGTERM)

    assert process.wait(ENDS_WITHIN_S) == -signal.SIGTERM
    assert len(service.events) == 1


def test_a_program_keeps_its_own_way_to_terminate(service: MeteringService) -> None:
    process, url = start_server(SERVE_WITH_HANDLER, service)
    with urllib.request.urlopen(url):
        process.send_signal(signal.SIGTERM)

    assert process.wait(ENDS_WITHIN_S) == 7
    assert len(service.events) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_records_for_itself(service: MeteringService) -> None:
    run(FORK, service)

    assert len({event["id"] for event in service.events}) == len(service.events) == 2
