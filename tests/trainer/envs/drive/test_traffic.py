"""Other vehicles keep apart, yield to the controlled vehicle, and are judged correctly."""

import numpy as np
import pytest

from trainer.envs.drive.road_geometry import LEFT_LANE_M, RIGHT_LANE_M, ROAD_LENGTH_M
from trainer.envs.drive.traffic import FREE_AHEAD_M, FREE_BEHIND_M, SLOT_M, Traffic
from trainer.envs.driving.limits import VEHICLE_LENGTH_M


def f32(*values):
    return np.array(values, np.float32)


def crowd(num_envs=30, vehicles=8):
    traffic = Traffic(num_envs, vehicles)
    for i in range(num_envs):
        traffic.place(i, 100.0, 8.0, np.random.default_rng(i))
    return traffic


def smallest_gap_in_lane(traffic):
    gap = np.abs(traffic.arc_m[:, None, :] - traffic.arc_m[:, :, None])
    gap = np.minimum(gap, ROAD_LENGTH_M - gap)
    gap[traffic.lateral_m[:, None, :] != traffic.lateral_m[:, :, None]] = np.inf
    gap[:, np.eye(traffic.vehicles, dtype=bool)] = np.inf
    return gap.min()


def test_start_leaves_room():
    traffic = crowd()
    relative = (traffic.arc_m - 100.0 + 200.0) % ROAD_LENGTH_M - 200.0
    right = traffic.lateral_m == np.float32(RIGHT_LANE_M)
    assert relative[right & (relative > 0)].min() >= FREE_AHEAD_M - 0.01
    assert relative[right & (relative < 0)].max() <= -FREE_BEHIND_M + 0.01
    assert smallest_gap_in_lane(traffic) >= SLOT_M - 0.01
    assert 0.2 < right.mean() < 0.8


def test_nobody_ever_touches_anybody_in_a_lane_even_behind_a_parked_vehicle():
    traffic = crowd()
    ego_arc, ego_lateral = np.full(30, 100, np.float32), np.full(30, RIGHT_LANE_M, np.float32)
    for _ in range(900):
        traffic.step(ego_arc, ego_lateral, 0.1)
        collision, _ = traffic.look(ego_arc, ego_lateral, np.zeros(30, np.float32))
        assert not collision.any()
        assert smallest_gap_in_lane(traffic) > VEHICLE_LENGTH_M
    # Those behind the parked vehicle stand; the other lane flows.
    right = traffic.lateral_m == np.float32(RIGHT_LANE_M)
    assert traffic.speed_mps[right].max() < 0.1
    # Who stands first in the queue leaves three metres between the vehicles.
    behind = (100.0 - traffic.arc_m) % ROAD_LENGTH_M
    behind[~right] = np.inf
    queued = right.any(axis=1)
    assert behind.min(axis=1)[queued] == pytest.approx(VEHICLE_LENGTH_M + 3, abs=0.1)
    assert traffic.speed_mps[~right].min() > 5


def test_free_vehicle_keeps_its_speed():
    traffic = Traffic(1, 1)
    traffic.arc_m[:], traffic.lateral_m[:], traffic.wanted_mps[:] = 395, LEFT_LANE_M, 7
    traffic.follow(0)
    for _ in range(100):
        traffic.step(f32(100), f32(RIGHT_LANE_M), 0.1)
    assert traffic.speed_mps == 7
    assert traffic.arc_m == pytest.approx((395 + 70) % ROAD_LENGTH_M, abs=1e-2)


@pytest.mark.parametrize(
    ("arc_m", "lateral_m", "speed_mps", "hit", "seconds"),
    [
        (120, RIGHT_LANE_M, 3, False, (20 - VEHICLE_LENGTH_M) / 5),  # ahead, approached at 5 m/s
        (120, RIGHT_LANE_M, 9, False, (20 - VEHICLE_LENGTH_M) / 0.25),  # draws away
        (120, LEFT_LANE_M, 3, False, np.inf),  # the other lane
        (104, RIGHT_LANE_M, 8, True, 0),  # touched in front
        (96, RIGHT_LANE_M, 8, True, 0),  # touched behind
        (104, LEFT_LANE_M, 8, False, np.inf),  # alongside
        (100, RIGHT_LANE_M + 1.8, 8, True, 0),  # side by side, too close
        (100, RIGHT_LANE_M + 2.0, 8, False, np.inf),  # side by side
    ],
)
def test_look(arc_m, lateral_m, speed_mps, hit, seconds):
    traffic = Traffic(1, 1)
    traffic.arc_m[:], traffic.lateral_m[:], traffic.speed_mps[:] = arc_m, lateral_m, speed_mps
    collision, found = traffic.look(f32(100), f32(RIGHT_LANE_M), f32(8))
    assert collision.tolist() == [hit]
    assert found == pytest.approx(seconds, rel=1e-4)


def test_vehicle_behind_is_far_ahead():
    traffic = Traffic(1, 1)
    traffic.arc_m[:], traffic.lateral_m[:], traffic.speed_mps[:] = 90, RIGHT_LANE_M, 8
    collision, seconds = traffic.look(f32(100), f32(RIGHT_LANE_M), f32(8))
    assert not collision.any()
    assert seconds > 1000


def test_look_across_the_end_of_the_round():
    traffic = Traffic(1, 1)
    traffic.arc_m[:], traffic.lateral_m[:], traffic.speed_mps[:] = 1.0, RIGHT_LANE_M, 0
    assert traffic.look(f32(398), f32(RIGHT_LANE_M), f32(8))[0].all()


def test_no_vehicles():
    traffic = Traffic(2, 0)
    traffic.place(0, 0.0, 8.0, np.random.default_rng(0))
    traffic.step(f32(1, 2), f32(0, 0), 0.1)
    collision, seconds = traffic.look(f32(1, 2), f32(0, 0), f32(8, 8))
    assert not collision.any()
    assert np.isinf(seconds).all()
