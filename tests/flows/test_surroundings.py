"""The caller's proxies and server settings, as they are on machines that are not ours."""

from __future__ import annotations

import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from flows import surroundings
from flows.errors import ServerError
from flows.settings.trainers.own_trainer import callers_environment
from flows.surroundings import refuse_dead_server, spare_loopback_the_proxy

DEAD = "http://127.0.0.1:9"


class Refuses(BaseHTTPRequestHandler):
    """Answers, but not kindly."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server_url():
    server = HTTPServer(("127.0.0.1", 0), Refuses)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_this_machine_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, server_url: str, name: str
) -> None:
    monkeypatch.setenv(name, DEAD)
    monkeypatch.setenv("PREFECT_API_URL", server_url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    spare_loopback_the_proxy()
    refuse_dead_server()
    for host in ("127.0.0.1:4200", "localhost:4200"):
        assert urllib.request.proxy_bypass(host)
    assert not urllib.request.proxy_bypass("example.org")


def test_what_the_caller_exempts_stays_exempt() -> None:
    environment = {"https_proxy": DEAD, "no_proxy": "intern.example, 10.0.0.1"}
    spare_loopback_the_proxy(environment)
    assert environment["NO_PROXY"] == environment["no_proxy"]
    assert environment["no_proxy"] == "intern.example,10.0.0.1,127.0.0.1,localhost,::1"


@pytest.mark.parametrize("environment", [{}, {"HTTP_PROXY": ""}, {"NO_PROXY": "a"}])
def test_without_a_proxy_nothing_changes(environment: dict[str, str]) -> None:
    before = dict(environment)
    spare_loopback_the_proxy(environment)
    assert environment == before


def test_a_proxy_that_we_cannot_use_is_kept_for_the_trainer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surroundings.util, "find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    spare_loopback_the_proxy()
    assert "ALL_PROXY" not in os.environ
    assert callers_environment()["ALL_PROXY"] == "socks5h://127.0.0.1:9"
    monkeypatch.delenv("GONOGO_CALLERS_ALL_PROXY")


@pytest.mark.parametrize(
    "url", [f"{DEAD}/api", "localhost:4200/api", "nonsense", "http://ada:secret@127.0.0.1:9/api"]
)
def test_a_server_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    said = r"PREFECT_API_URL is .*, but no Prefect server answers"
    with pytest.raises(ServerError, match=said) as told:
        refuse_dead_server()
    assert "secret" not in str(told.value)


def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "")
    refuse_dead_server()
    assert "PREFECT_API_URL" not in os.environ
