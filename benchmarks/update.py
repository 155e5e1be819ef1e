"""An update of TD3 and the choice of an action, beside Stable-Baselines3, a single-file script and the floor."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from stable_baselines3.common.logger import configure

from benchmarks.measure import side_by_side
from benchmarks.peers import cleanrl_style, sb3, sbx
from benchmarks.rows import Row, against_floor, against_peer
from benchmarks.tasks import BATCH, CNN, MLP, Task
from benchmarks.update_floor import Floor
from trainer.agents.linear import multiply_with, quicker_library
from trainer.agents.td3 import TD3
from trainer.observation import Observation
from trainer.replay.buffer import Batch
from trainer.run.machine import misfit_of_machine

BF16 = "gonogo, bf16"
SB3, SCRIPT, FLOOR = "Stable-Baselines3", "single-file script", "kernels alone"
SBX = "SBX"


def measure(short: bool) -> list[Row]:
    torch.set_num_threads(1)
    multiply_with(quicker_library())
    rows = []
    for task, rounds, calls, peers in (
        (CNN, 2 if short else 15, 1, {SB3: 1.5, SCRIPT: 2.3}),
        (MLP, 3 if short else 25, 20, {SB3: 1.25, SCRIPT: None, SBX: None}),
    ):
        timings = side_by_side(_updates(task), rounds=rounds, calls=calls)
        work = f"update, {task.name}, batch {BATCH}, policy delay 2"
        for peer, least in peers.items():
            rows.append(against_peer(work, timings, peer, least=least, per=2))
        most = 1.25 if task is CNN else None
        rows.append(against_floor(work, timings, FLOOR, most=most, per=2))
        if BF16 in timings:
            name = f"{work}, encoders in bf16 (opt-in)"
            rows.append(against_peer(name, timings, SB3, per=2, ours=BF16))
    for task, least in ((CNN, 1.5), (MLP, 3.5)):
        timings = side_by_side(_acts(task), rounds=3 if short else 31, calls=20 if short else 200)
        rows.append(against_peer(f"act, {task.name}, one observation", timings, SB3, least=least))
    return rows


def _updates(task: Task) -> dict[str, Callable[[], object]]:
    """Return two updates of each, one of which updates the actor; all learn from one batch."""
    batch = task.batch()
    ours = TD3(task.config, task.shape, task.actions)
    half_config = task.config.model_copy(update={"precision": "bf16"})
    half = TD3(half_config, task.shape, task.actions)
    theirs = sb3.agent(sb3.Spaces(task.camera, task.vector, task.actions))
    theirs.set_logger(configure(None, []))
    samples = _as_sb3(batch)
    theirs.replay_buffer.sample = lambda *_, **__: samples
    script = cleanrl_style.Agent(task.camera, task.vector, task.actions)
    obs, next_obs = batch.obs, batch.next_obs

    def script_update() -> None:
        script.update(
            (obs.camera, obs.vector),
            batch.action,
            batch.reward,
            (next_obs.camera, next_obs.vector),
            batch.terminated,
        )

    works: dict[str, Callable[[], object]] = {
        "gonogo": lambda: (ours.update(batch), ours.update(batch)),
        SB3: lambda: theirs.train(gradient_steps=2, batch_size=BATCH),
        SCRIPT: lambda: (script_update(), script_update()),
        FLOOR: Floor(task.camera, task.vector, task.actions, BATCH).work,
    }
    if task.camera is None:
        compiled = sbx.agent(task.vector, task.actions, BATCH)
        twice = _as_sbx(batch, times=2)
        compiled.replay_buffer.sample = lambda *_, **__: twice
        works[SBX] = lambda: compiled.train(gradient_steps=2, batch_size=BATCH)
    if task.camera and misfit_of_machine(half_config) is None:
        works[BF16] = lambda: (half.update(batch), half.update(batch))
    return works


def _as_sb3(batch: Batch) -> SimpleNamespace:
    def parts(obs: object) -> dict[str, torch.Tensor]:
        camera, vector = obs.camera, obs.vector  # type: ignore[attr-defined]
        return {"vector": vector} if camera is None else {"camera": camera, "vector": vector}

    return SimpleNamespace(
        observations=parts(batch.obs),
        next_observations=parts(batch.next_obs),
        actions=batch.action,
        rewards=batch.reward[:, None],
        dones=batch.terminated[:, None],
        discounts=None,
    )


def _as_sbx(batch: Batch, times: int) -> SimpleNamespace:
    """Return the batches of several updates, one after the other."""
    return SimpleNamespace(
        observations=batch.obs.vector.repeat(times, 1),
        next_observations=batch.next_obs.vector.repeat(times, 1),
        actions=batch.action.repeat(times, 1),
        rewards=batch.reward.repeat(times)[:, None],
        dones=batch.terminated.repeat(times)[:, None],
        discounts=None,
    )


def _acts(task: Task) -> dict[str, Callable[[], object]]:
    ours = TD3(task.config, task.shape, task.actions)
    theirs = sb3.agent(sb3.Spaces(task.camera, task.vector, task.actions))
    arrays = task.arrays(1)
    single: dict[str, np.ndarray] = {name: array[0] for name, array in arrays.items()}

    def act() -> np.ndarray:
        camera = torch.from_numpy(arrays["camera"]) if "camera" in arrays else None
        return ours.act(Observation(camera, torch.from_numpy(arrays["vector"]))).numpy()

    return {
        "gonogo": act,
        SB3: lambda: theirs.predict(single, deterministic=True),
    }
