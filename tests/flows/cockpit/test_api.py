"""A server that is busy for a moment is asked again, as Prefect's own clients do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.cockpit import api
from flows.cockpit.api import Api
from flows.errors import ServerError

Answering = Callable[[list[int]], HTTPServer]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """Start servers that answer with these status codes, one after the other."""
    monkeypatch.setattr(api, "_PAUSE_S", 0.0)
    servers = []

    def start(codes: list[int]) -> HTTPServer:
        class Coded(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(codes.pop(0))
                self.end_headers()
                self.wfile.write(json.dumps({}).encode())

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Coded)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_locked_database_is_asked_again(answering: Answering) -> None:
    codes = [503, 503, 200]
    Api(f"http://127.0.0.1:{answering(codes).server_port}").mark_crashed("an-id", "It was killed.")
    assert not codes


@pytest.mark.parametrize(("codes", "left"), [([503] * 6, 1), ([409, 200], 1)])
def test_what_stays_refused_is_an_error(answering: Answering, codes: list[int], left: int) -> None:
    code = codes[0]
    server = answering(codes)
    with pytest.raises(ServerError, match=f"answers {code}"):
        Api(f"http://127.0.0.1:{server.server_port}").mark_crashed("an-id", "It was killed.")
    assert len(codes) == left
