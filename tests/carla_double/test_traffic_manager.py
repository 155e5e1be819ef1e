"""The genuine Traffic Manager with the double.

It lives in the client's process, listens on all interfaces and can end that process. So client and
double run in a network of their own.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import textwrap

import pytest

for wheel in ("msgpack", "carla"):
    pytest.importorskip(wheel, reason="pip install 'gonogo[carla]'")

pytestmark = pytest.mark.carla

ABORTED = (-6, 134)
PREAMBLE = """
from tests.carla_double.double_process import running_double
from tests.carla_double.driving_client import DrivingClient

def drive_with_traffic_manager(double, vehicles, sensors=True):
    driver = DrivingClient(double.port, timeout_s=2.0, sensors=sensors)
    manager = driver.client.get_trafficmanager(18000)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    driver.world.tick()
    others = [driver.spawn(place, role="autopilot") for place in driver.places[5 : 5 + vehicles]]
    driver.world.tick()
    for other in others:
        other.set_autopilot(True, 18000)
    return driver, manager, others

"""


@functools.cache
def own_network() -> list[str]:
    """Return the command prefix of a network with nothing but a loopback interface."""
    for options in (["-n"], ["-r", "-n"]):
        command = ["unshare", *options, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if shutil.which("unshare") and shutil.which("ip"):
            done = subprocess.run([*command, "true"], capture_output=True)
            if done.returncode == 0:
                return command
    return []


def run(script: str) -> subprocess.CompletedProcess[str]:
    if not own_network():
        pytest.skip("a Traffic Manager listens on all interfaces; no network namespace can be made")
    program = PREAMBLE + textwrap.dedent(script)
    command = [*own_network(), sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_it_drives_vehicles_along_the_lanes() -> None:
    done = run(
        """
        with running_double() as double:
            driver, manager, others = drive_with_traffic_manager(double, 10)
            # Without a route to anywhere it registers itself without an address, as port 0.
            assert double.state()["traffic_managers"] == [0]
            way = [0.0] * len(others)
            for tick in range(300):
                driver.step()
                for number, other in enumerate(others):
                    way[number] += 0.05 * other.get_velocity().length()
                    if tick % 25 == 24:
                        place = driver.map.get_waypoint(other.get_location(), project_to_road=False)
                        assert place is not None, other.get_location()
            assert sum(metres > 10 for metres in way) >= 8, way
            assert not driver.collisions
            controlled = double.state()["called"]["apply_batch"]
            assert controlled > 100
            manager.shut_down()
            driver.tear_down()
            assert double.state()["called"]["destroy_traffic_manager"] == 1
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_server_that_dies_under_it_fails_each_tick_or_takes_the_client_along() -> None:
    done = run(
        """
        with running_double() as double:
            driver, manager, others = drive_with_traffic_manager(double, 3)
            for _ in range(20):
                driver.world.tick()
            double.kill()
            print("killed", flush=True)
            for _ in range(10):
                try:
                    driver.world.tick()
                except RuntimeError as error:
                    print("caught", flush=True)
            print("still here", flush=True)
        """
    )
    # Whether its thread or ours meets the dead server first is a race.
    if done.returncode == 0:
        assert done.stdout.split("\n")[:-1] == ["killed", *["caught"] * 10, "still here"]
    else:
        assert "killed" in done.stdout
        assert "still here" not in done.stdout
        assert done.returncode in ABORTED
        assert "TimeoutException" in done.stderr


def test_a_second_client_finds_the_one_that_runs() -> None:
    done = run(
        """
        import carla
        with running_double() as double:
            driver, manager, others = drive_with_traffic_manager(double, 1, sensors=False)
            assert double.state()["called"]["add_traffic_manager_running"] == 1
            other = carla.Client("127.0.0.1", double.port, 1)
            other.set_timeout(2.0)
            same = other.get_trafficmanager(18000)
            assert same.get_port() == 18000
            assert double.state()["called"]["add_traffic_manager_running"] == 1
            manager.shut_down()
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_taken_port_is_an_error() -> None:
    done = run(
        """
        import socket
        with running_double() as double, socket.socket() as taken:
            taken.bind(("0.0.0.0", 18000))
            taken.listen()
            driver = DrivingClient(double.port, sensors=False)
            try:
                driver.client.get_trafficmanager(18000)
            except RuntimeError as error:
                assert "bind error" in str(error), error
            else:
                raise AssertionError("no error")
        """
    )
    assert done.returncode == 0, done.stderr
