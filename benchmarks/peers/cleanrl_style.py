"""TD3 as single-file scripts write it: every Q network has an encoder of its own, plain Adam, no reuse.

The shape of CleanRL's `td3_continuous_action`, with a convolutional encoder in front of each network; written anew.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from trainer.agents.networks import NATURE_LAYERS


class Network(nn.Module):
    def __init__(
        self, camera: tuple[int, int, int] | None, vector: int, extra: int, outputs: int
    ) -> None:
        super().__init__()
        self.cnn: nn.Module | None = None
        inputs = vector + extra
        if camera:
            channels, height, width = camera
            parts: list[nn.Module] = []
            for out, kernel, stride in NATURE_LAYERS:
                parts += [nn.Conv2d(channels, out, kernel, stride), nn.ReLU()]
                height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
                channels = out
            self.cnn = nn.Sequential(
                *parts, nn.Flatten(), nn.Linear(channels * height * width, 512), nn.ReLU()
            )
            inputs += 512
        self.fc1, self.fc2 = nn.Linear(inputs, 256), nn.Linear(256, 256)
        self.out = nn.Linear(256, outputs)

    def forward(self, camera: Tensor | None, vector: Tensor, *extra: Tensor) -> Tensor:
        parts = [vector, *extra]
        if self.cnn is not None:
            assert camera is not None
            parts.insert(0, self.cnn(camera.float() / 255.0))
        hidden = functional.relu(self.fc1(torch.cat(parts, 1)))
        out: Tensor = self.out(functional.relu(self.fc2(hidden)))
        return out


class Agent:
    def __init__(self, camera: tuple[int, int, int] | None, vector: int, actions: int) -> None:
        self.actor = Network(camera, vector, 0, actions)
        self.qf1 = Network(camera, vector, actions, 1)
        self.qf2 = Network(camera, vector, actions, 1)
        self.target_actor = copy.deepcopy(self.actor)
        self.qf1_target, self.qf2_target = copy.deepcopy(self.qf1), copy.deepcopy(self.qf2)
        critics = [*self.qf1.parameters(), *self.qf2.parameters()]
        self.q_optimizer = optim.Adam(critics, lr=1e-3)
        self.actor_optimizer = optim.Adam(self.actor.parameters(), lr=3e-4)
        self.updates = 0

    def update(
        self,
        obs: tuple[Tensor | None, Tensor],
        action: Tensor,
        reward: Tensor,
        next_obs: tuple[Tensor | None, Tensor],
        terminated: Tensor,
    ) -> None:
        self.updates += 1
        with torch.no_grad():
            noise = (torch.randn_like(action) * 0.2).clamp(-0.5, 0.5)
            next_action = (torch.tanh(self.target_actor(*next_obs)) + noise).clamp(-1, 1)
            next_q = torch.min(
                self.qf1_target(*next_obs, next_action), self.qf2_target(*next_obs, next_action)
            )
            target = reward + (1 - terminated) * 0.99 * next_q.view(-1)
        loss1 = functional.mse_loss(self.qf1(*obs, action).view(-1), target)
        loss2 = functional.mse_loss(self.qf2(*obs, action).view(-1), target)
        self.q_optimizer.zero_grad()
        (loss1 + loss2).backward()
        self.q_optimizer.step()
        if self.updates % 2 == 0:
            actor_loss = -self.qf1(*obs, torch.tanh(self.actor(*obs))).mean()
            self.actor_optimizer.zero_grad()
            actor_loss.backward()
            self.actor_optimizer.step()
            for online, target_net in (
                (self.actor, self.target_actor),
                (self.qf1, self.qf1_target),
                (self.qf2, self.qf2_target),
            ):
                for p, t in zip(online.parameters(), target_net.parameters(), strict=True):
                    t.data.copy_(0.005 * p.data + 0.995 * t.data)
