"""Starts a run with what another run's checkpoint learned; loading never executes anything in the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.agents.agent import Agent
from trainer.config import WarmStart
from trainer.mistakes import ConfigMistakesError, Mistake
from trainer.run import checkpoint
from trainer.run.checkpoint import CheckpointError
from trainer.run.task import Task


def load_carried(run: Path, warm: WarmStart, agent: Agent) -> Mapping[str, Any]:
    """Read the agent's state that `warm` names, and make sure that it fits.

    Args:
        run: Folder of request.json; a relative path begins here.
        warm: Which checkpoint.
        agent: The agent that is to take it over; not changed.

    Raises:
        ConfigMistakesError: The file is missing, differs from the one that was chosen, or does not fit.
    """
    path = (run / warm.checkpoint).resolve()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(f"{path}: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != warm.sha256:
        raise _refusal(f"{path} was changed since it was chosen: its hash differs")
    try:
        state = checkpoint.load_file(path, torch.device("cpu")).get("agent")
    except CheckpointError as error:
        raise _refusal(str(error)) from None
    wrong = misfit(agent, state) if isinstance(state, Mapping) else "it holds no agent"
    if wrong:
        raise _refusal(f"{path} does not fit this stage: {wrong}")
    assert isinstance(state, Mapping)
    return state


def check_warm_start(folder: Path, task: Task) -> None:
    """Make sure that a task's warm start can be made; starts nothing.

    Raises:
        ConfigMistakesError: It cannot.
    """
    if task.request.warm_start is not None:
        load_carried(folder, task.request.warm_start, task.make_agent(device="cpu"))


def _refusal(text: str) -> ConfigMistakesError:
    return ConfigMistakesError(Mistake(key="warm_start", text=text))


def misfit(agent: Agent, state: Mapping[str, Any]) -> str:
    """Say how a saved agent differs; empty when it fits."""
    for name, network in agent.networks.items():
        here, there = network.state_dict(), state.get(name)
        if not isinstance(there, Mapping) or not all(isinstance(v, Tensor) for v in there.values()):
            return f"it holds no {name}"
        odd = sorted(here.keys() ^ there.keys())
        if odd:
            camera = {any(key.startswith("cnn.") for key in side) for side in (here, there)}
            kind = "another observation" if len(camera) == 2 else "another architecture"
            where = "there" if odd[0] in there else "here"
            return f"{kind}: {name}.{odd[0]} exists only {where}"
        last = list(here)[-2:]
        for key, value in here.items():
            if value.shape != there[key].shape:
                kind = _kind(value, there[key], output=name == "actor" and key in last)
                return f"{kind}: {name}.{key} is {_size(there[key])} there, {_size(value)} here"
            if not bool(torch.isfinite(there[key]).all()):
                return f"{name}.{key} is not finite"
    return ""


def _kind(here: Tensor, there: Tensor, *, output: bool) -> str:
    """Name what the first difference of sizes comes from, seen from the input to the output."""
    if output and here.shape[1:] == there.shape[1:]:
        return "another action"
    if here.dim() > 1 and here.shape[0] == there.shape[0]:
        return "another observation"
    return "another architecture"


def _size(values: Tensor) -> str:
    return "x".join(str(size) for size in values.shape)
