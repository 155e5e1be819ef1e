"""The two shapes of networks that are timed, and batches for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch

BATCH = 256


@dataclass(frozen=True)
class Task:
    """Sizes of observations and actions."""

    name: str
    camera: tuple[int, int, int] | None
    vector: int
    actions: int

    @property
    def shape(self) -> ObservationShape:
        return ObservationShape(camera=self.camera, vector=self.vector)

    @property
    def config(self) -> TrainConfig:
        """Plain TD3: what the peers do not have is switched off."""
        return TrainConfig(
            encoder="nature",
            features_dim=512,
            hidden_sizes=(256, 256),
            layer_norm=False,
            batch_size=BATCH,
            normalize_actor_loss=False,
            preact_penalty=0.0,
            critic_warmup_updates=0,
            tau=0.02,
        )

    def observation(self, rows: int) -> Observation:
        camera = None
        if self.camera:
            camera = torch.randint(0, 256, (rows, *self.camera), dtype=torch.uint8)
        return Observation(camera, torch.randn(rows, self.vector))

    def batch(self) -> Batch:
        return Batch(
            self.observation(BATCH),
            torch.rand(BATCH, self.actions) * 2 - 1,
            torch.randn(BATCH),
            self.observation(BATCH),
            torch.zeros(BATCH),
        )

    def arrays(self, rows: int) -> dict[str, np.ndarray]:
        """Return observations as an environment gives them."""
        obs = self.observation(rows)
        arrays = {"vector": obs.vector.numpy()}
        return arrays if obs.camera is None else arrays | {"camera": obs.camera.numpy()}


CNN = Task("CNN 4x84x84", (4, 84, 84), 53, 2)
MLP = Task("MLP 256-256", None, 17, 6)
