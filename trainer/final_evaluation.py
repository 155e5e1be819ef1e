"""The evaluation at the end of a stage: the policy on training and held-out routes, others beside it on the latter.

It never costs a finished training: routes that cannot be driven are recorded with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from trainer.config import RouteSet
from trainer.drives import Driver, Drives, RouteKind
from trainer.envs.errors import EnvironmentSetupError, SimulatorLostError
from trainer.evaluate import Policy, evaluate
from trainer.run.heartbeat import Phase
from trainer.run.task import Task

PICTURES = 12
"""Pictures of an episode that lasts until the time limit, besides its last one."""
OwnDriver = Callable[[gymnasium.vector.VectorEnv], Policy]
"""Makes a driver for environments, of which it may know more than they show."""


def final_evaluation(
    task: Task, policy: Policy, untrained: Policy, beat: Callable[[Phase], None]
) -> tuple[Drives, ...]:
    """Drive all routes that the request names; nothing without routes.

    Args:
        task: What was trained. An environment of which only one may exist must be closed.
        policy: What was learned.
        untrained: The policy that the run began with.
        beat: Told what is done, once per step; may raise to stop.
    """
    routes = task.request.routes
    if routes is None:
        return ()
    drivers: dict[Driver, OwnDriver] = {
        "policy": lambda _: policy,
        "untrained": lambda _: untrained,
        "random": _random,
    }
    if task.environment.rule_based is not None:
        drivers["rule_based"] = task.environment.rule_based
    found = _drive(task, "training", routes.training, {"policy": drivers["policy"]}, beat)
    if routes.held_out is not None:
        found += _drive(task, "held_out", routes.held_out, drivers, beat)
    return tuple(found)


def _drive(
    task: Task,
    kind: RouteKind,
    routes: RouteSet,
    drivers: Mapping[Driver, OwnDriver],
    beat: Callable[[Phase], None],
) -> list[Drives]:
    """Let each driver drive a set of routes, in environments that are made for it."""
    request, environment = task.request, task.environment
    assert request.routes is not None
    count = request.routes.episodes
    every = max(1, (task.spec.max_episode_steps or 0) // PICTURES)
    config = environment.config.model_validate(task.env.model_dump() | routes.env)

    def drives(driver: Driver, **what: Any) -> Drives:
        return Drives(
            driver=driver,
            routes=kind,
            conditions=environment.conditions(config),
            first_seed=routes.first_seed,
            **what,
        )

    found: list[Drives] = []
    env = None
    try:
        env = environment.make(config, 1 if task.spec.exclusive else count, routes.first_seed, beat)
        for driver, made_for in drivers.items():
            episodes = evaluate(
                env,
                made_for(env),
                episodes=count,
                seed=routes.seeds(count),
                gamma=request.train.gamma,
                driving=environment.describe(config).driving,
                alive=lambda: beat("evaluating"),
                picture_every=every if driver == "policy" else None,
            )
            found.append(drives(driver, episodes=episodes))
    except (EnvironmentSetupError, SimulatorLostError) as error:
        left = list(drivers)[len(found) :]
        found += [drives(driver, missing=str(error)) for driver in left]
    finally:
        if env is not None:
            env.close()
    return found


def _random(env: gymnasium.vector.VectorEnv) -> Policy:
    """Return uniformly random actions, the same in every run."""
    rng = np.random.default_rng(0)
    shape = env.action_space.shape
    return lambda _: rng.uniform(-1.0, 1.0, shape).astype(np.float32)
