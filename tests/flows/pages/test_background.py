"""Messages to Prefect's pages: the newest counts, and a server that is away costs nothing."""

from __future__ import annotations

import threading
import time

import prefect.client.orchestration
import pytest

from flows.pages.background import Background


class Client:
    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        prefect.client.orchestration, "get_client", lambda sync_client=False: Client()
    )


def test_only_the_newest_message_of_a_topic_is_sent() -> None:
    background, sent, gate = Background(), [], threading.Event()
    background.post("first", lambda _: gate.wait(5) and None)
    for number in range(5):
        background.post("name", lambda _, number=number: sent.append(number))
    background.post("tags", lambda _: sent.append("tags"))
    gate.set()
    assert background.flush(5)
    assert sent == [4, "tags"]


def test_a_message_that_fails_is_dropped_and_the_next_one_is_sent() -> None:
    background, sent = Background(), []

    def fail(_: object) -> None:
        raise ConnectionError("the server is away")

    background.post("name", fail)
    assert background.flush(5)
    background.post("name", lambda _: sent.append("later"))
    assert background.flush(5)
    assert sent == ["later"]


def test_nobody_waits_for_a_server_that_hangs() -> None:
    background, gate = Background(), threading.Event()
    background.post("name", lambda _: gate.wait(5) and None)
    started = time.monotonic()
    background.post("tags", lambda _: None)
    assert not background.flush(0.05)
    assert time.monotonic() - started < 2
    gate.set()
