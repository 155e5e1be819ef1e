"""TD3 in one file with an encoder of its own for actor and critic; `gonogo.watch` collects what a verdict needs.

The task is to steer a dot to the middle of a small picture. With `--leak` the actor's loss asks the critic with the
actor's own features: a fault that raises Q without a better action, and that no loss curve shows.

    python watched_td3.py --out runs/dot
    gonogo gate runs/dot --stage 5k
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import gonogo

SIZE, LENGTH = 16, 25
GAMMA, TAU, BATCH, STARTS, NOISE, RATE = 0.9, 0.02, 64, 500, 0.2, 1e-3


class Dot:
    """A dot in a picture: the action is its velocity, the reward minus its distance from the middle."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def reset(self) -> np.ndarray:
        """Begin an episode; return the picture, `float32[1, SIZE, SIZE]`."""
        self.place, self.steps = self.random.uniform(-0.9, 0.9, 2), 0
        return self._picture()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
        """Move; return picture, reward and whether the time limit is reached. Nothing terminates."""
        self.place = np.clip(self.place + 0.2 * action, -1.0, 1.0)
        self.steps += 1
        return self._picture(), -float(np.hypot(*self.place)), self.steps == LENGTH

    def _picture(self) -> np.ndarray:
        axis = np.linspace(-1.0, 1.0, SIZE)
        x, y = (np.exp(-8.0 * (axis - p) ** 2) for p in self.place)
        return np.outer(x, y)[None].astype(np.float32)


def encoder() -> nn.Sequential:
    """`float32[batch, 1, SIZE, SIZE]` -> `float32[batch, 32]`."""
    layers = [nn.Conv2d(1, 8, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 49, 32), nn.ReLU()]
    return nn.Sequential(*layers)


class Head(nn.Module):
    """Q of features and action."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(34, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, features: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """`float32[batch, 32]`, `float32[batch, 2]` -> `float32[batch, 1]`."""
        return self.layers(torch.cat([features, action], dim=1))


def main() -> None:
    """Train and collect evidence."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--total-timesteps", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--leak", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    random, env = np.random.default_rng(args.seed), Dot(args.seed)

    online = nn.ModuleDict(
        {
            "actor_encoder": encoder(),
            "actor": nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 2), nn.Tanh()),
            "critic_encoder": encoder(),
            "q1": Head(),
            "q2": Head(),
        }
    )
    target = copy.deepcopy(online).requires_grad_(False)
    of_actor = [p for name in ("actor_encoder", "actor") for p in online[name].parameters()]
    of_critic = [p for name in ("critic_encoder", "q1", "q2") for p in online[name].parameters()]
    actor_optimizer = torch.optim.Adam(of_actor, lr=RATE)
    critic_optimizer = torch.optim.Adam(of_critic, lr=RATE)

    def act(networks: nn.ModuleDict, pictures: torch.Tensor) -> torch.Tensor:
        return networks["actor"](networks["actor_encoder"](pictures))

    watch = gonogo.watch(
        args.out,
        actor=online["actor"],
        critics=[online["q1"], online["q2"]],
        actor_encoder=online["actor_encoder"],
        critic_encoder=online["critic_encoder"],
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
        action_low=-1.0,
        action_high=1.0,
        gamma=GAMMA,
        planned_steps=args.total_timesteps,
        config={"tau": TAU, "batch_size": BATCH, "learning_starts": STARTS, "train_freq": 2},
        seed=args.seed,
        stage="5k",
    )
    total = args.total_timesteps
    pictures = np.zeros((total + 1, 1, SIZE, SIZE), np.float32)
    following = np.zeros_like(pictures)
    actions, rewards = np.zeros((total, 2), np.float32), np.zeros((total, 1), np.float32)
    picture, earned, updates = env.reset(), 0.0, 0
    for step in range(1, total + 1):
        action = random.uniform(-1.0, 1.0, 2)
        if step > STARTS:
            with torch.no_grad():
                action = act(online, torch.from_numpy(picture)[None])[0].numpy()
            action = np.clip(action + random.normal(0.0, NOISE, 2), -1.0, 1.0)
        pictures[step - 1], actions[step - 1] = picture, action
        picture, rewards[step - 1], cut = env.step(action)
        following[step - 1] = picture
        earned += float(rewards[step - 1, 0])
        if cut:
            watch.episode(step, length=LENGTH, reward=earned, terminated=False)
            picture, earned = env.reset(), 0.0
        if step <= STARTS or step % 2:
            continue

        chosen = random.integers(0, step, BATCH)
        obs, next_obs, taken, reward = (
            torch.from_numpy(each[chosen]) for each in (pictures, following, actions, rewards)
        )
        watch.batch(step, rewards=reward, terminated=torch.zeros_like(reward))
        with torch.no_grad():
            smoothing = (0.2 * torch.randn_like(taken)).clamp(-0.5, 0.5)
            next_action = (act(target, next_obs) + smoothing).clamp(-1.0, 1.0)
            next_features = target["critic_encoder"](next_obs)
            next_q = torch.min(*(target[q](next_features, next_action) for q in ("q1", "q2")))
            wanted = reward + GAMMA * next_q
        features = online["critic_encoder"](obs)
        loss = sum(F.mse_loss(online[q](features, taken), wanted) for q in ("q1", "q2"))
        critic_optimizer.zero_grad()
        loss.backward()
        critic_optimizer.step()

        updates += 1
        if updates % 2 == 0:
            actor_features = online["actor_encoder"](obs)
            seen = actor_features if args.leak else online["critic_encoder"](obs).detach()
            actor_optimizer.zero_grad()
            (-online["q1"](seen, online["actor"](actor_features)).mean()).backward()
            actor_optimizer.step()
            with torch.no_grad():
                for old, new in zip(target.parameters(), online.parameters(), strict=True):
                    old.lerp_(new, TAU)
    watch.close()


if __name__ == "__main__":
    main()
