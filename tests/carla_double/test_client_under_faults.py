"""What the genuine client does when the server breaks: each known failure, made by a fault.

The client runs in a process of its own, since some failures end it or never let it return.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

from tests.carla_double.double_process import DoubleProcess

pytestmark = pytest.mark.carla

ABORTED, SEGMENTATION_FAULT = -6, -11
PREAMBLE = """
import sys, time, queue
import carla
from tests.carla_double.driving_client import DrivingClient

def failure(call, *arguments):
    started = time.monotonic()
    try:
        call(*arguments)
    except RuntimeError as error:
        return str(error), time.monotonic() - started
    return None, time.monotonic() - started

def wait_for_line():
    print("ready", flush=True)
    sys.stdin.readline()

driver = DrivingClient(int(sys.argv[1]), timeout_s=60.0)
for _ in range(5):
    driver.step(throttle=0.5)
wait_for_line()
driver.client.set_timeout(1.0)
"""


class ClientProcess:
    """A script that drives the double; `wait_for_line()` in it waits for `go_on()` here."""

    def __init__(self, port: int, script: str, preamble: str = PREAMBLE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", preamble + textwrap.dedent(script), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_ready(self) -> None:
        """Wait until the script waits."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def go_on(self) -> None:
        """Let the script go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self, timeout_s: float = 60.0) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        try:
            out, err = self.process.communicate(timeout=timeout_s)
        finally:
            self.process.kill()
        return self.process.returncode, out, err


@pytest.fixture
def own_double(double: DoubleProcess) -> DoubleProcess:
    double.renew()
    return double


def run(
    double: DoubleProcess, script: str, fault: str = "", **settings: object
) -> tuple[int, str, str]:
    """Set a fault when the client drives, then let it run the script; return code and outputs."""
    client = ClientProcess(double.port, script)
    client.until_ready()
    if fault:
        double.fault(fault, **settings)
    client.go_on()
    return client.finish()


def succeed(double: DoubleProcess, script: str, fault: str = "", **settings: object) -> str:
    """Do the same, and return what the script printed; it must end well."""
    code, out, err = run(double, script, fault, **settings)
    assert code == 0, err
    return out


def test_a_dead_server_is_silence_for_some_calls_and_a_time_out_for_others(
    own_double: DoubleProcess,
) -> None:
    client = ClientProcess(
        own_double.port,
        """
        before = driver.ego.get_location()
        driver.ego.apply_control(carla.VehicleControl(throttle=1.0))
        assert driver.ego.get_location() == before
        assert driver.client.get_world().get_snapshot().frame > 0
        for call in (driver.client.get_server_version, driver.world.tick):
            message, took_s = failure(call)
            assert "time-out of 1000ms while waiting for the simulator" in message, message
            assert 0.9 < took_s < 5.0, took_s
        assert not driver.ego.destroy()
        """,
    )
    client.until_ready()
    own_double.kill()
    client.go_on()
    code, _, err = client.finish()
    # The camera still listens: the interpreter ends cleanly all the same.
    assert code == 0, err


def test_a_server_that_dies_inside_a_tick(own_double: DoubleProcess) -> None:
    out = succeed(
        own_double,
        """
        message = None
        for ticks in range(100):
            message, _ = failure(driver.world.tick)
            if message:
                break
        print(ticks, message)
        """,
        "kill",
        when="mid_tick",
        after_ticks=5,
    )
    assert "time-out of 1000ms" in out
    assert own_double.process.wait(120) == -9


def test_a_server_that_dies_between_ticks(own_double: DoubleProcess) -> None:
    out = succeed(
        own_double,
        """
        while not (message := failure(driver.world.tick)[0]):
            pass
        print(message)
        """,
        "kill",
        when="idle",
        after_ticks=5,
    )
    assert "time-out of 1000ms" in out
    assert own_double.process.wait(120) == -9


def test_a_restarted_server_is_not_found_by_the_old_client(own_double: DoubleProcess) -> None:
    client = ClientProcess(
        own_double.port,
        """
        assert "time-out" in failure(driver.client.get_server_version)[0]
        assert "time-out" in failure(driver.client.get_server_version)[0]
        again = DrivingClient(int(sys.argv[1]), timeout_s=5.0)
        for _ in range(5):
            again.step(throttle=0.5)
        """,
    )
    client.until_ready()
    own_double.kill()
    own_double.start()
    client.go_on()
    code, _, err = client.finish()
    assert code == 0, err
    assert len(own_double.state()["actors"]) == 5


def test_a_frozen_server_makes_up_for_timed_out_ticks(own_double: DoubleProcess) -> None:
    client = ClientProcess(
        own_double.port,
        """
        frame = driver.world.get_snapshot().frame
        for _ in range(3):
            assert "time-out" in failure(driver.world.tick)[0]
        wait_for_line()
        driver.client.set_timeout(10.0)
        assert driver.world.tick() == frame + 4
        seen = [driver.images.get(timeout=120).frame for _ in range(4)]
        assert seen == [frame + 1, frame + 2, frame + 3, frame + 4], seen
        """,
    )
    client.until_ready()
    own_double.fault("freeze", seconds=60)
    client.go_on()
    client.until_ready()
    assert own_double.state()["frame"] > 0
    own_double.clear()
    client.go_on()
    code, _, err = client.finish()
    assert code == 0, err


def test_a_busy_game_thread_still_tells_its_version(own_double: DoubleProcess) -> None:
    out = succeed(
        own_double,
        """
        messages = [failure(driver.world.tick)[0] for _ in range(12)]
        assert driver.client.get_server_version() == "0.9.16"
        print(next(filter(None, messages)))
        """,
        "busy",
        seconds=3,
        after_ticks=10,
    )
    assert "time-out of 1000ms" in out


LOAD_TIME_OUT = """
assert failure(driver.client.load_world, "Town02")[0] is not None
time.sleep(4)
"""


def test_a_load_that_outlasts_the_time_out_makes_the_next_call_fatal(
    own_double: DoubleProcess,
) -> None:
    script = LOAD_TIME_OUT + "driver.world.tick()"
    # Which of the client's threads comes first decides what it dies of.
    assert run(own_double, script, "slow_load", seconds=3)[0] in (SEGMENTATION_FAULT, ABORTED)


def test_asking_for_the_world_again_recovers_from_it(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        LOAD_TIME_OUT
        + textwrap.dedent(
            """
            driver.client.set_timeout(10.0)
            driver.world = driver.client.get_world()
            driver.synchronise()
            driver.world.tick()
            assert driver.world.get_map().name == "Carla/Maps/Town02"
            """
        ),
        "slow_load",
        seconds=3,
        count=1,
    )


def test_a_load_within_the_time_out_is_fine_however_slow(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        driver.client.set_timeout(20.0)
        assert driver.client.load_world("Town02").get_map().name == "Carla/Maps/Town02"
        """,
        "slow_load",
        seconds=2,
        count=1,
    )


def test_a_load_whose_call_is_slow_leaves_dead_actors(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        assert "time-out" in failure(driver.client.load_world, "Town02")[0]
        time.sleep(3)
        driver.world = driver.client.get_world()
        driver.world.wait_for_tick()
        assert driver.world.get_map().name == "Carla/Maps/Town02"
        assert driver.ego.get_location() == carla.Location()
        """,
        "delay",
        method="load_new_episode",
        seconds=2,
        count=1,
    )


def test_a_refused_load_leaves_the_old_world_usable(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        assert failure(driver.client.load_world, "Town02")[0] == "no memory"
        driver.step(throttle=0.5)
        """,
        "error",
        method="load_new_episode",
        message="no memory",
        count=1,
    )


def test_a_server_that_dies_while_it_loads(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        'assert "time-out" in failure(driver.client.load_world, "Town02")[0]',
        "kill",
        when="load_world",
    )
    assert own_double.process.wait(120) == -9


def test_one_hanging_call_leaves_the_others_alive(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        assert "time-out" in failure(driver.world.get_weather)[0]
        driver.step(throttle=0.5)
        driver.world.get_weather()
        """,
        "hang",
        method="get_weather_parameters",
        count=1,
    )


def test_one_refused_call_raises_its_text(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        message, _ = failure(lambda: driver.spawn(driver.places[9], role="x"))
        assert message == "out of actors", message
        driver.spawn(driver.places[9], role="x")
        """,
        "error",
        method="spawn_actor",
        message="out of actors",
        count=1,
    )


def test_lost_images_do_not_stop_ticks(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        frames = [driver.world.tick() for _ in range(20)]
        seen = [driver.images.get(timeout=120).frame for _ in range(18)]
        assert driver.images.empty()
        lost = sorted(set(frames) - set(seen))
        assert len(lost) == 2 and lost[1] == lost[0] + 1, lost
        """,
        "drop_frames",
        count=2,
        after_ticks=8,
    )


def test_late_images_keep_their_number(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        frames = [driver.world.tick() for _ in range(10)]
        seen = [driver.images.get(timeout=120).frame for _ in range(10)]
        assert sorted(seen) == frames and seen != frames, seen
        """,
        "delay_frames",
        seconds=0.3,
        count=3,
        after_ticks=3,
    )


def test_a_lost_state_ends_a_tick_with_its_time_out(own_double: DoubleProcess) -> None:
    out = succeed(
        own_double,
        """
        print([message for message in (failure(driver.world.tick)[0] for _ in range(8)) if message])
        """,
        "drop_frames",
        stream="state",
        count=1,
        after_ticks=5,
    )
    assert "time-out of 1000ms" in out


def test_a_gap_in_the_frames_is_seen_by_the_client(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        frames = [driver.step(throttle=0.3)[0] for _ in range(10)]
        steps = sorted(b - a for a, b in zip(frames, frames[1:]))
        assert steps == [1] * 8 + [8], steps
        """,
        "frame_gap",
        frames=7,
        count=1,
        after_ticks=8,
    )


def test_black_images_have_the_right_number(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        dark = sum(not driver.step()[1][..., :3].any() for _ in range(10))
        assert dark == 1, dark
        """,
        "black_frames",
        count=1,
        after_ticks=8,
    )


def test_stamped_images_show_their_frame(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        for _ in range(5):
            frame, pixels = driver.step()
            assert (pixels[..., :3] == frame % 256).all()
        """,
        "stamped_frames",
    )


def test_left_behind_vehicles_stand_on_spawn_points_until_cleared(
    own_double: DoubleProcess,
) -> None:
    client = ClientProcess(
        own_double.port,
        """
        car = driver.library.find("vehicle.audi.a2")
        assert driver.world.try_spawn_actor(car, driver.places[3]) is None
        driver.spawn(driver.places[9], role="x")
        wait_for_line()
        assert driver.world.try_spawn_actor(car, driver.places[3]) is not None
        """,
    )
    client.until_ready()
    own_double.fault("occupied", points=[2, 3, 4])
    client.go_on()
    client.until_ready()
    own_double.clear()
    client.go_on()
    code, _, err = client.finish()
    assert code == 0, err


def test_a_delayed_call_is_late_by_that_time(own_double: DoubleProcess) -> None:
    succeed(
        own_double,
        """
        driver.client.set_timeout(60.0)
        slow = [took_s for took_s in (failure(driver.world.tick)[1] for _ in range(12)) if took_s > 2.9]
        assert len(slow) == 1, slow
        """,
        "delay",
        method="tick_cue",
        seconds=3,
        count=1,
        after_ticks=10,
    )


def test_without_the_barrier_driving_goes_on(own_double: DoubleProcess) -> None:
    started = time.monotonic()
    succeed(own_double, "for _ in range(20):\n    driver.world.tick()", "no_barrier")
    assert time.monotonic() - started < 60
