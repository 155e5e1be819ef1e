"""One simulator over the life of a training: opened when needed, replaced now and then, closed."""

from __future__ import annotations

import contextlib

from trainer.envs.carla.config import CarlaConfig
from trainer.envs.carla.server import CarlaServer
from trainer.envs.carla.session import CarlaSession
from trainer.envs.carla.traffic_manager import TrafficManager
from trainer.envs.environment import OnActivity
from trainer.envs.errors import SimulatorLostError


class CarlaSimulator:
    """Server, session and Traffic Manager, opened in that order and closed in the reverse one."""

    def __init__(self, config: CarlaConfig, index: int, report: OnActivity) -> None:
        self._config = config
        self._report = report
        self._server = CarlaServer(config.server, index)
        self._session: CarlaSession | None = None
        self._traffic: TrafficManager | None = None
        self._episodes = 0

    @property
    def session(self) -> CarlaSession:
        """The open session."""
        assert self._session is not None, "ready() comes first"
        return self._session

    def ready(self) -> tuple[CarlaSession, TrafficManager | None]:
        """Return what an episode needs; called once per episode, when no actor is left.

        A started server is replaced after as many episodes as configured. After a loss everything
        is opened again: a client that has seen its server end never connects again.

        Raises:
            SimulatorLostError: The simulator does not answer.
            EnvironmentSetupError: It cannot be used as configured.
        """
        every = self._config.server.restart_every_episodes
        worn_out = bool(every) and self._episodes >= every
        if worn_out or (self._session is not None and self._session.lost):
            self.close()
        if self._session is None:
            self._open()
        self._episodes += 1
        return self.session, self._traffic

    def close(self) -> None:
        """Give the world back and end what was started here."""
        session, traffic = self._session, self._traffic
        self._session = self._traffic = None
        with contextlib.suppress(SimulatorLostError):
            if traffic is not None:
                traffic.close()
        if session is not None:
            session.close()
        self._server.stop()

    def _open(self) -> None:
        self._report("connecting")
        client = self._server.open(alive=lambda: self._report("connecting"))
        self._episodes = 0
        self._session = CarlaSession(self._config, client, self._server.address, self._report)
        if self._config.traffic == "traffic_manager" and self._config.other_vehicles:
            self._traffic = TrafficManager(self._session)
