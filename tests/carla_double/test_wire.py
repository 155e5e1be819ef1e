from __future__ import annotations

import math
import struct

import pytest

pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]' for the double of CARLA")

from carla_double.wire import payloads, rpc_wire
from carla_double.wire.encodings import (
    CallError,
    EpisodeSettings,
    Transform,
    VehicleControl,
    no_value,
    refused,
    token,
    value,
)
from carla_double.wire.payloads import ACTOR_RECORD, SensorType
from carla_double.wire.rpc_wire import Request, RequestReader, WireError

VERSION_CALL = bytes.fromhex("940001a7") + b"version" + bytes.fromhex("9191c2")


def test_a_recorded_call_of_the_client_is_read() -> None:
    assert list(RequestReader().feed(VERSION_CALL)) == [Request(1, "version", ())]


def test_calls_are_read_however_the_bytes_are_cut() -> None:
    reader = RequestReader()
    found = [
        request for byte in VERSION_CALL + VERSION_CALL for request in reader.feed(bytes([byte]))
    ]
    assert found == [Request(1, "version", ())] * 2


@pytest.mark.parametrize("data", [b"\x01", b"\x93\x01\x02\x03", b"GET / HTTP/1.1\r\n", b"\xc1"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="not a msgpack-rpc request"):
        list(RequestReader().feed(data))


def test_the_reply_is_the_one_that_the_client_accepted() -> None:
    expected = bytes.fromhex("940101c0919201a6") + b"0.9.16"
    assert rpc_wire.reply(1, value("0.9.16")) == expected


def test_the_episode_reply_holds_the_token_as_binary() -> None:
    data = rpc_wire.reply(3, value([7, [token(1, 2001)]]))
    assert data[:11] == bytes.fromhex("940103c0919201920791c4")
    assert data[11] == 24
    assert struct.unpack("<IHBB16s", data[12:]) == (1, 2001, 1, 0, bytes(16))


def test_responses() -> None:
    assert no_value() == [[False]]
    assert refused("no", void=True) == [[True, ["no"]]]
    assert refused("no", void=False) == [[0, ["no"]]]


def test_settings_survive_the_way_there_and_back() -> None:
    sent = [True, False, [True, 0.1], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
    settings = EpisodeSettings.decode(sent)
    assert settings.synchronous_mode
    assert settings.fixed_delta_s == 0.1
    assert settings.encode() == sent
    short = EpisodeSettings.decode([True, False, [False]])
    assert short.fixed_delta_s is None
    assert len(short.encode()) == 11


def test_controls_are_clipped_and_never_nan() -> None:
    control = VehicleControl.decode([2.0, -3.0, math.nan, True, False, False, 1])
    assert (control.throttle, control.steer, control.brake) == (1.0, -1.0, 0.0)
    assert control.hand_brake
    with pytest.raises(CallError, match="not a vehicle control"):
        VehicleControl.decode([1.0])


def test_transforms_of_another_shape_are_refused() -> None:
    encoded = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert Transform.decode(encoded).encode() == encoded
    with pytest.raises(CallError, match="not a transform"):
        Transform.decode([[1.0, 2.0], [4.0, 5.0, 6.0]])


def test_stream_messages_have_the_sizes_that_the_client_needs() -> None:
    at = Transform(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    assert len(payloads.header(SensorType.COLLISION, 1, 0.05, at)) == 48
    assert ACTOR_RECORD.itemsize == 119
    state = payloads.episode_state(
        frame=5,
        elapsed_s=0.25,
        episode=2,
        platform_s=0.0,
        delta_s=0.05,
        flags=0,
        actors=bytes(2 * 119),
    )
    assert len(state) == 84 + 2 * 119
    assert struct.unpack_from("<QQd", state) == (17, 5, 0.25)
    assert struct.unpack_from("<Q", state, 48) == (2,)
    image = payloads.image(5, 0.25, at, width=84, height=84, fov=90.0, bgra=bytes(84 * 84 * 4))
    assert len(image) == 28284
    assert struct.unpack_from("<QQd6f", image) == (13, 5, 0.25, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def test_an_image_of_the_wrong_size_is_never_sent() -> None:
    with pytest.raises(ValueError, match="84x84 needs 28224 bytes"):
        payloads.image(1, 0.0, Transform(), width=84, height=84, fov=90.0, bgra=bytes(12))


def test_the_actor_record_has_the_fields_where_the_client_reads_them() -> None:
    offsets = {name: ACTOR_RECORD.fields[name][1] for name in ACTOR_RECORD.names}
    assert [offsets[n] for n in ("id", "state", "x", "pitch", "vx", "wx", "ax")] == [
        0, 4, 5, 17, 29, 41, 53,
    ]  # fmt: skip
    assert [offsets[n] for n in ("throttle", "hand_brake", "gear", "speed_limit")] == [
        65, 77, 80, 84,
    ]  # fmt: skip
    assert offsets["failure"] == 94
