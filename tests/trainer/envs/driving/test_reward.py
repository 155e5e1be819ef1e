"""The five terms of the driving reward against tables, and the order of whole behaviours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainer.envs.driving.reward import (
    REWARD_COMPONENTS,
    DrivingMeasurement,
    RewardConfig,
    RewardWeights,
    comfort,
    driving_reward,
    efficiency,
    lane_keeping,
    progress,
    safety,
)

CONFIG = RewardConfig()
NO = np.array([False])
YES = np.array([True])


def f32(*values):
    return np.array(values, np.float32)


def measure(**changes):
    values = {
        "speed_along_mps": f32(8),
        "lateral_m": f32(0),
        "heading_rad": f32(0),
        "jerk_mps3": f32(0),
        "time_to_collision_s": f32(np.inf),
        "progress_m": f32(0.8),
        "step_s": 0.1,
        "collision": NO,
        "off_road": NO,
        "stalled": NO,
    }
    return DrivingMeasurement(**(values | changes))


@pytest.mark.parametrize(
    ("speed_mps", "expected"), [(8, 1.0), (0, -0.25), (4, 0.375), (12, 0.375), (-8, -1.0), (30, -1)]
)
def test_efficiency(speed_mps, expected):
    assert efficiency(f32(speed_mps), CONFIG) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("lateral_m", "heading_rad", "speed_mps", "expected"),
    [
        (0, 0, 8, 1.0),
        (0, 0, 4, 0.5),
        (0, 0, 16, 1.0),
        (0, 0, 0, 0.0),
        (0.5, 0, 8, 0.5),
        (-0.5, 0, 8, 0.5),
        (0, 0.25, 8, 0.5),
        (0.5, -0.25, 8, 0.0),
        (3, 1, 8, -1.0),
        (0, 0, -8, 0.0),
    ],
)
def test_lane_keeping(lateral_m, heading_rad, speed_mps, expected):
    value = lane_keeping(f32(lateral_m), f32(heading_rad), f32(speed_mps), CONFIG)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize(("jerk", "expected"), [(0, 0), (20, -0.5), (40, -1), (400, -1)])
def test_comfort(jerk, expected):
    assert comfort(f32(jerk), CONFIG) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("seconds", "collision", "off_road", "stalled", "expected"),
    [
        (np.inf, NO, NO, NO, 0.0),
        (2.5, NO, NO, NO, 0.0),
        (1.25, NO, NO, NO, -0.25),
        (0, NO, NO, NO, -0.5),
        (0, YES, NO, NO, -5.5),
        (np.inf, NO, YES, NO, -5.0),
        (np.inf, NO, NO, YES, -5.0),
        (np.inf, YES, YES, NO, -10.0),
    ],
)
def test_safety(seconds, collision, off_road, stalled, expected):
    assert safety(f32(seconds), collision, off_road, stalled, CONFIG) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gained_m", "expected"), [(0.8, 1), (0.4, 0.5), (0, 0), (-0.4, -0.5), (5, 1), (-5, -1)]
)
def test_progress(gained_m, expected):
    assert progress(f32(gained_m), 0.1, CONFIG) == pytest.approx(expected)


def test_terms_are_per_environment():
    together = efficiency(f32(8, 0, 4), CONFIG)
    assert together.tolist() == [efficiency(f32(v), CONFIG)[0] for v in (8, 0, 4)]


finite = st.floats(-100, 100, width=32)
positive = st.floats(0, 1000, width=32)


@given(
    speed=finite,
    lateral=finite,
    heading=finite,
    jerk=positive,
    seconds=positive,
    gained=finite,
    collision=st.booleans(),
    off_road=st.booleans(),
    stalled=st.booleans(),
)
def test_reward_is_the_bounded_sum_of_its_parts(
    speed, lateral, heading, jerk, seconds, gained, collision, off_road, stalled
):
    reward, parts = driving_reward(
        measure(
            speed_along_mps=f32(speed),
            lateral_m=f32(lateral),
            heading_rad=f32(heading),
            jerk_mps3=f32(jerk),
            time_to_collision_s=f32(seconds),
            progress_m=f32(gained),
            collision=np.array([collision]),
            off_road=np.array([off_road]),
            stalled=np.array([stalled]),
        ),
        CONFIG,
    )
    assert tuple(parts) == REWARD_COMPONENTS
    assert reward.dtype == np.float32
    assert all(part.dtype == np.float32 and part.shape == (1,) for part in parts.values())
    in_order = np.float32(0)
    for name in REWARD_COMPONENTS:
        in_order += parts[name]
    assert reward == in_order
    penalties = 5.0 * (collision + off_road + stalled)
    assert -1.5 - penalties <= reward[0] <= 0.9 - penalties + 1e-5


def test_weights_scale_their_own_part_only():
    base, parts = driving_reward(measure(jerk_mps3=f32(20)), CONFIG)
    for name in REWARD_COMPONENTS:
        weights = RewardWeights(**{name: 0.0})
        reward, changed = driving_reward(measure(jerk_mps3=f32(20)), RewardConfig(weights=weights))
        assert changed[name] == 0
        assert reward == pytest.approx(base - parts[name], abs=1e-6)


def test_order_of_behaviours():
    def per_step(**changes):
        return float(driving_reward(measure(**changes), CONFIG)[0][0])

    good = per_step()
    slow = per_step(speed_along_mps=f32(3), progress_m=f32(0.3))
    parked = per_step(speed_along_mps=f32(0), progress_m=f32(0))
    accident = per_step(off_road=YES)
    assert good == pytest.approx(0.9)
    assert good > slow > 0 > parked > accident
    # One accident costs more than parking for five seconds, the time after which it ends.
    assert accident < 50 * parked


@pytest.mark.parametrize(
    "bad",
    [
        {"target_speed_mps": 0},
        {"target_speed_mps": float("nan")},
        {"jerk_scale_mps3": float("inf")},
        {"collision_penalty": -1},
        {"colision_penalty": 1},
        {"weights": {"safety": -1}},
        {"weights": {"fun": 1}},
    ],
)
def test_config_rejects(bad):
    with pytest.raises(ValidationError):
        RewardConfig(**bad)
