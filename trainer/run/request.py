"""Reads request.json: everything that can be wrong with it is reported at once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trainer.agents.registry import ALGORITHMS
from trainer.config import BOOKKEEPING, Request, Routes, TrainConfig
from trainer.envs.environment import EnvConfig, Environment, EnvSpec
from trainer.envs.errors import EnvironmentSetupError, UnknownEnvironmentError
from trainer.envs.registry import find_environment
from trainer.mistakes import ConfigMistakesError, Mistake, describe, nearest
from trainer.run.task import Task

NATURE_LEAST_PIXELS = 36
"""Smallest picture that the kernels of the encoder `nature` fit into."""


def read_task(path: Path) -> Task:
    """Read and validate request.json.

    Raises:
        ConfigMistakesError: The file is missing or not JSON, or its content has mistakes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigMistakesError(
            Mistake(text=f"{path}: cannot be read ({error.strerror})")
        ) from None
    except ValueError as error:
        raise ConfigMistakesError(Mistake(text=f"{path}: not valid JSON ({error})")) from None
    if not isinstance(content, dict):
        raise ConfigMistakesError(Mistake(text=f"{path}: must hold an object"))

    mistakes: list[Mistake] = []
    request = _request(content, mistakes)
    found = _environment(content.get("env"), mistakes)
    if request is None or found is None:
        raise ConfigMistakesError(*mistakes)
    environment, env = found
    spec = _spec(environment, env, request.train, mistakes)
    mistakes += _wrong_routes(environment, env, request.routes)
    if spec is None or mistakes:
        raise ConfigMistakesError(*mistakes)
    return Task(
        request=request,
        environment=environment,
        env=env,
        spec=spec,
        agent=ALGORITHMS[request.train.algorithm],
    )


def resolved(task: Task) -> dict[str, Any]:
    """Return `env` and `train` with every default, and the hash of what decides learning."""
    config = {
        "env": task.env.model_dump(mode="json"),
        "train": task.request.train.model_dump(mode="json"),
    }
    recipe = config | {"train": {k: v for k, v in config["train"].items() if k not in BOOKKEEPING}}
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**config, "config_sha256": hashlib.sha256(canonical.encode()).hexdigest()}


def _request(content: dict[str, Any], mistakes: list[Mistake]) -> Request | None:
    try:
        request = Request.model_validate(content)
    except ValidationError as error:
        mistakes += describe(error, Request)
        return None
    algorithm = request.train.algorithm
    if algorithm not in ALGORITHMS:
        mistakes.append(
            Mistake(
                key="train.algorithm",
                text=f"{algorithm!r} is unknown; available are {', '.join(ALGORITHMS)}",
                nearest=nearest(algorithm, ALGORITHMS),
            )
        )
    return request


def _environment(
    content: object, mistakes: list[Mistake]
) -> tuple[Environment[Any], EnvConfig] | None:
    keys = content if isinstance(content, dict) else {}
    try:
        environment = find_environment(keys.get("id"))
    except UnknownEnvironmentError as error:
        mistakes.append(error.mistake)
        return None
    try:
        return environment, environment.config.model_validate(keys)
    except ValidationError as error:
        mistakes += describe(error, environment.config, prefix="env")
        return None


def _wrong_routes(
    environment: Environment[Any], env: EnvConfig, routes: Routes | None
) -> tuple[Mistake, ...]:
    """Find out whether the environment can be made as its routes need it."""
    sets = {} if routes is None else {"training": routes.training, "held_out": routes.held_out}
    for name, route_set in sets.items():
        try:
            environment.config.model_validate(
                env.model_dump() | (route_set.env if route_set is not None else {})
            )
        except ValidationError as error:
            return describe(error, environment.config, prefix=f"routes.{name}.env")
    return ()


def _spec(
    environment: Environment[Any], env: EnvConfig, train: TrainConfig, mistakes: list[Mistake]
) -> EnvSpec | None:
    """Describe the environment; find out what speaks against it on this machine."""
    unavailable = environment.why_unavailable(env, train.num_envs)
    if unavailable is not None:
        mistakes.append(unavailable)
        return None
    try:
        spec: EnvSpec = environment.describe(env)
    except EnvironmentSetupError as error:
        mistakes.append(error.mistake)
        return None
    if (
        train.encoder == "nature"
        and spec.camera_shape
        and spec.camera_shape[1] < NATURE_LEAST_PIXELS
    ):
        mistakes.append(
            Mistake(
                key="train.encoder",
                text=f"nature needs a camera of {NATURE_LEAST_PIXELS} pixels or more, "
                f"env.camera_size is {spec.camera_shape[1]}; use small",
            )
        )
    return spec
