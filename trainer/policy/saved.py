"""Takes the agent of a checkpoint out of a run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from trainer.agents.agent import Agent
from trainer.mistakes import ConfigMistakesError, Mistake
from trainer.observation import Observation
from trainer.run import checkpoint as checkpoints
from trainer.run.checkpoint import CheckpointError
from trainer.run.request import read_task
from trainer.run.task import Task
from trainer.warm_start import misfit

BEST, LAST = "best", "last"


@dataclass(frozen=True, kw_only=True)
class SavedPolicy:
    """An agent as a checkpoint holds it, on the processor."""

    task: Task
    agent: Agent
    step: int
    """Environment step of the checkpoint."""
    chosen_by_return: float | None
    """Mean return of the evaluation that made it the best one; None where no evaluation chose it."""

    def act(self, obs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return actions without noise, `float32[n, action_dim]` in [-1, 1]."""
        camera = torch.from_numpy(obs["camera"]) if "camera" in obs else None
        action: NDArray[Any] = self.agent.act(
            Observation(camera, torch.from_numpy(obs["vector"]))
        ).numpy()
        return action


def load_saved(run: Path, which: str) -> SavedPolicy:
    """Load a checkpoint's agent.

    Args:
        run: Run directory.
        which: `best`, `last`, or the step of a checkpoint.

    Raises:
        ConfigMistakesError: There is no such run or checkpoint, or it cannot be read.
    """
    task = read_task(run / "request.json")
    path, step, chosen_by = _find(run / "checkpoints", which)
    try:
        state = checkpoints.load_file(path, torch.device("cpu")).get("agent")
    except CheckpointError as error:
        raise _refusal(str(error)) from None
    agent = task.make_agent(device="cpu")
    wrong = misfit(agent, state) if isinstance(state, Mapping) else "it holds no agent"
    if wrong:
        raise _refusal(f"{path} does not fit its run: {wrong}")
    assert isinstance(state, Mapping)
    agent.begin_with(state, optimizers=False)
    return SavedPolicy(task=task, agent=agent, step=step, chosen_by_return=chosen_by)


def _find(folder: Path, which: str) -> tuple[Path, int, float | None]:
    """Return file, step and, for the best one, the mean return that chose it."""
    if which == BEST:
        try:
            found = json.loads((folder / "best.json").read_text(encoding="utf-8"))
            return folder / checkpoints.BEST, int(found["step"]), float(found["mean_return"])
        except (OSError, ValueError, KeyError, TypeError):
            raise _refusal(
                f"{folder} holds no best evaluation; name the step of a checkpoint, or last"
            ) from None
    manifests = {manifest.step: manifest for manifest in checkpoints.available(folder)}
    there = ", ".join(f"{step:,}" for step in manifests) or "none"
    try:
        step = max(manifests) if which == LAST else int(which.replace(",", ""))
        return manifests[step].path.with_suffix(".ckpt"), step, None
    except (ValueError, KeyError):
        raise _refusal(
            f"{folder} has no checkpoint {which!r}; there are best, last and the steps {there}"
        ) from None


def _refusal(text: str) -> ConfigMistakesError:
    return ConfigMistakesError(Mistake(key="checkpoint", text=text))
