"""Finds environments by name: a new one is its own folder and one line here."""

from __future__ import annotations

from typing import Any

from trainer.envs.carla.environment import CARLA
from trainer.envs.drive.environment import DRIVE
from trainer.envs.environment import Environment
from trainer.envs.errors import UnknownEnvironmentError
from trainer.envs.gym.environment import GYM
from trainer.mistakes import nearest

ENVIRONMENTS: list[Environment[Any]] = [DRIVE, CARLA, GYM]


def find_environment(env_id: object) -> Environment[Any]:
    """Return the environment that `env.id` names.

    Raises:
        UnknownEnvironmentError: There is no such environment.
    """
    known = ", ".join(environment.shown_id for environment in ENVIRONMENTS)
    if not isinstance(env_id, str):
        found = "missing" if env_id is None else f"{env_id!r} is not a name"
        raise UnknownEnvironmentError(f"{found}; available are {known}", key="env.id")
    for environment in ENVIRONMENTS:
        if environment.answers_to(env_id):
            return environment
    names = [e.id for e in ENVIRONMENTS] + [n for e in ENVIRONMENTS for n in e.names()]
    raise UnknownEnvironmentError(
        f"{env_id!r} is unknown; available are {known}",
        key="env.id",
        nearest=nearest(env_id, names),
    )
