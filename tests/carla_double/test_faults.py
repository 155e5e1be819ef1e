from __future__ import annotations

import pytest

from carla_double import faults
from carla_double.faults import FaultError, Faults, parse_fault_option


def test_options_are_read() -> None:
    assert parse_fault_option("freeze:seconds=30") == faults.Freeze(seconds=30)
    assert parse_fault_option("no_barrier") == faults.NoBarrier()
    assert parse_fault_option("occupied:points=1+5") == faults.Occupied(points=(1, 5))
    kill = parse_fault_option("kill:when=mid_tick,after_ticks=100")
    assert kill == faults.Kill(when="mid_tick", after_ticks=100)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode", "explode"),
        ("freeze", "seconds"),
        ("freeze:seconds=nan", "seconds"),
        ("freeze:seconds=-1", "seconds"),
        ("freeze:seconds", "no key=value"),
        ("kill:when=lunch", "'idle', 'mid_tick' or 'load_world'"),
        ("delay:method=tick_cue,seconds=1,colour=red", "colour"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        parse_fault_option(text)


def test_lists_are_read_from_json() -> None:
    found = faults.parse_fault_list('[{"kind": "hang", "method": "tick_cue", "count": 1}]')
    assert found == [faults.Hang(method="tick_cue", count=1)]
    for text in ("{", '{"kind": "hang"}', '[{"kind": "hang"}]'):
        with pytest.raises(FaultError):
            faults.parse_fault_list(text)


def test_a_fault_strikes_as_often_as_it_says_and_not_before_its_time() -> None:
    found = Faults()
    found.add(faults.Hang(method="tick_cue", count=2, after_ticks=1))
    assert not found.strike(faults.Hang, method="tick_cue")
    found.ticked()
    assert not found.strike(faults.Hang, method="version")
    assert found.strike(faults.Hang, method="tick_cue")
    assert found.strike(faults.Hang, method="tick_cue")
    assert not found.strike(faults.Hang, method="tick_cue")
    assert not found


def test_a_share_of_the_messages_is_lost() -> None:
    found = Faults(seed=1)
    found.add(faults.DropFrames(share=0.25))
    lost = sum(bool(found.strike(faults.DropFrames, stream="camera")) for _ in range(1000))
    assert 200 < lost < 300
