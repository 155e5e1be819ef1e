"""An update of TD3 and the choice of an action, beside Stable-Baselines3, a single-file script and the floor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from stable_baselines3.common.logger import configure

from benchmarks.measure import each_apart, side_by_side
from benchmarks.peers import cleanrl_style, sb3, sbx
from benchmarks.rows import Row, against_floor, against_peer
from benchmarks.tasks import BATCH, CNN, MLP, Task
from benchmarks.update_floor import Floor
from trainer.agents.linear import Library, multiply_with, quicker_library
from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import Observation
from trainer.replay.buffer import Batch
from trainer.run.machine import misfit_of_machine
from trainer.run.memory import keep_freed_memory

BF16 = "gonogo, bf16"
SB3, SCRIPT, FLOOR = "Stable-Baselines3", "single-file script", "kernels alone"
SBX = "SBX"


def measure(short: bool) -> list[Row]:
    torch.set_num_threads(1)
    rows = []
    for task, rounds, calls, peers in (
        (CNN, 2 if short else 15, 1, {SB3: 1.5, SCRIPT: 2.3}),
        (MLP, 3 if short else 25, 20, {SB3: 1.4, SCRIPT: None, SBX: 1.1}),
    ):
        timings = each_apart(_updates(task), rounds=rounds, calls=calls)
        work = f"update, {task.name}, batch {BATCH}, policy delay 2"
        for peer, least in peers.items():
            rows.append(against_peer(work, timings, peer, least=least, per=2))
        rows.append(against_floor(work, timings, FLOOR, most=1.25, per=2))
        if BF16 in timings:
            name = f"{work}, encoders in bf16 (opt-in)"
            rows.append(against_peer(name, timings, SB3, per=2, ours=BF16))
    for task, least in ((CNN, 1.5), (MLP, 3.5)):
        timings = side_by_side(_acts(task), rounds=3 if short else 31, calls=20 if short else 200)
        rows.append(against_peer(f"act, {task.name}, one observation", timings, SB3, least=least))
    return rows


def _updates(task: Task) -> dict[str, Callable[[], Callable[[], object]]]:
    """Return what makes two updates of each, one of which updates the actor; all learn from one batch."""
    makers: dict[str, Callable[[Task], Callable[[], object]]] = {
        "gonogo": _ours,
        SB3: _sb3,
        SCRIPT: _script,
        FLOOR: _floor,
    }
    if task.camera is None:
        makers[SBX] = _sbx
    elif misfit_of_machine(_in_half(task)) is None:
        makers[BF16] = _ours_in_half
    library = quicker_library()
    return {name: partial(_made, make, task, library) for name, make in makers.items()}


def _made(
    make: Callable[[Task], Callable[[], object]], task: Task, library: Library
) -> Callable[[], object]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    multiply_with(library)
    return make(task)


def _ours(task: Task) -> Callable[[], object]:
    return _of_config(task, task.config)


def _ours_in_half(task: Task) -> Callable[[], object]:
    return _of_config(task, _in_half(task))


def _in_half(task: Task) -> TrainConfig:
    return task.config.model_copy(update={"precision": "bf16"})


def _of_config(task: Task, config: TrainConfig) -> Callable[[], object]:
    keep_freed_memory()  # as the trainer does
    batch = task.batch()
    agent = TD3(config, task.shape, task.actions)
    return lambda: (agent.update(batch), agent.update(batch))


def _sb3(task: Task) -> Callable[[], object]:
    samples = _as_sb3(task.batch())
    agent = sb3.agent(sb3.Spaces(task.camera, task.vector, task.actions))
    agent.set_logger(configure(None, []))
    agent.replay_buffer.sample = lambda *_, **__: samples
    return lambda: agent.train(gradient_steps=2, batch_size=BATCH)


def _script(task: Task) -> Callable[[], object]:
    batch = task.batch()
    agent = cleanrl_style.Agent(task.camera, task.vector, task.actions)
    obs, next_obs = batch.obs, batch.next_obs

    def update() -> None:
        agent.update(
            (obs.camera, obs.vector),
            batch.action,
            batch.reward,
            (next_obs.camera, next_obs.vector),
            batch.terminated,
        )

    return lambda: (update(), update())


def _sbx(task: Task) -> Callable[[], object]:
    twice = _as_sbx(task.batch(), times=2)
    agent = sbx.agent(task.vector, task.actions, BATCH)
    agent.replay_buffer.sample = lambda *_, **__: twice
    return lambda: agent.train(gradient_steps=2, batch_size=BATCH)


def _floor(task: Task) -> Callable[[], object]:
    keep_freed_memory()
    return Floor(task.camera, task.vector, task.actions, BATCH).work


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
