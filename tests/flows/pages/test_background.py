"""Messages to Prefect's pages: the newest counts, and a server that is away costs nothing."""

from __future__ import annotations

import threading

import prefect.client.orchestration
import pytest

from flows.pages.background import Background

LONG_S = 120


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
    background.post("first", lambda _: gate.wait(LONG_S) and None)
    for number in range(5):
        background.post("name", lambda _, number=number: sent.append(number))
    background.post("tags", lambda _: sent.append("tags"))
    gate.set()
    assert background.flush(LONG_S)
    assert sent == [4, "tags"]


def test_a_message_that_fails_is_dropped_and_the_next_one_is_sent() -> None:
    background, sent = Background(), []

    def fail(_: object) -> None:
        raise ConnectionError("the server is away")

    background.post("name", fail)
    assert background.flush(LONG_S)
    background.post("name", lambda _: sent.append("later"))
    assert background.flush(LONG_S)
    assert sent == ["later"]


def test_nobody_waits_for_a_server_that_hangs() -> None:
    background, gate, ended = Background(), threading.Event(), threading.Event()

    def hang(_: object) -> None:
        gate.wait(LONG_S)
        ended.set()

    background.post("name", hang)
    background.post("tags", lambda _: None)
    assert not background.flush(0.05)
    assert not ended.is_set(), "it hangs still"
    gate.set()
    assert background.flush(LONG_S)
