"""Routes of evaluations: config/routes has a file for each environment in which they are fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.errors import ConfigError
from flows.settings.mistakes import mistake_text
from flows.settings.yaml_file import YamlError, read_mapping
from gates.runs.config_files import config_dir


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RouteSet(_Part):
    """Routes by their seeds."""

    first_seed: Annotated[int, Field(ge=0, lt=2**30, strict=True)]
    """Seed of the first route; the next ones count up."""
    env: dict[str, Any] = {}
    """Keys of the environment that differ from the training's."""


class RoutesFile(_Part):
    """A file of config/routes, named after the environment that it is for."""

    env: str
    """Id of the environment."""
    training: RouteSet
    """Routes like those of the training."""
    held_out: RouteSet | None = None
    """Routes of a kind that the training never sees."""
    most_episodes: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Routes of a set that are driven at most at the end of a stage."""


def evaluation_routes(env: Mapping[str, Any], episodes: int) -> dict[str, Any] | None:
    """Return `routes` of request.json; None for an environment without such a file.

    A held-out set that is no other than the training's is left out.

    Args:
        env: Configuration of the environment.
        episodes: Routes of each set to drive at the end of the stage.

    Raises:
        ConfigError: The file has mistakes.
    """
    name = env.get("id")
    path = next((p for p in (config_dir() / "routes").glob("*.yaml") if p.stem == name), None)
    if path is None:
        return None
    try:
        file = RoutesFile.model_validate(read_mapping(path))
    except YamlError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    except ValidationError as error:
        raise ConfigError(
            [f"{path}: {mistake_text(item, RoutesFile)}" for item in error.errors()]
        ) from None
    routes: dict[str, Any] = {
        "episodes": min(episodes, file.most_episodes or episodes),
        "training": file.training.model_dump(),
    }
    other = file.held_out
    if other is not None and any(env.get(key) != value for key, value in other.env.items()):
        routes["held_out"] = other.model_dump()
    return routes
