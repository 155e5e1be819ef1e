"""Small changes of the trainer: mistakes that a comparison must find, and harmless ones that it must not blame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TD3 = "trainer/agents/td3.py"
LOOP = "trainer/loop.py"
REPLAY = "trainer/replay/buffer.py"
SEEDING = "trainer/run/seeding.py"


@dataclass(frozen=True)
class Edit:
    """Text that is replaced, wherever it stands in a file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """A change of the source."""

    name: str
    kind: str
    """`mistake`; of harmless ones `refactoring`, `logging`, `float order` or `random draws`."""
    edits: tuple[Edit, ...]
    preset: str = "drive"
    """That exercises it."""

    @property
    def harmless(self) -> bool:
        """Whether it changes nothing that is learned."""
        return self.kind != "mistake"

    @property
    def slug(self) -> str:
        """Its name as a folder."""
        return self.name.replace(" ", "-")


def apply(change: Change, tree: Path) -> None:
    """Make a change in a copy of the source.

    Raises:
        ValueError: The source no longer holds the text that is to be replaced.
    """
    for edit in change.edits:
        path = tree / edit.file
        text = path.read_text(encoding="utf-8")
        if edit.old not in text:
            raise ValueError(f"{change.name}: {edit.file} does not hold {edit.old!r}")
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def _mistake(name: str, file: str, old: str, new: str, preset: str = "drive") -> Change:
    return Change(name, "mistake", (Edit(file, old, new),), preset)


MISTAKES = (
    _mistake("larger critic in the target", TD3, ".amin(dim=0)", ".amax(dim=0)"),
    _mistake(
        "terminations not in the target",
        TD3,
        "torch.where(batch.terminated.bool(), 0.0, discount * next_q)",
        "config.gamma * next_q",
    ),
    _mistake(
        "time limit stored as termination",
        LOOP,
        "            reward,\n            terminated,\n            truncated,\n            _newest_frame(last),",
        "            reward,\n            done,\n            truncated,\n            _newest_frame(last),",
        preset="pendulum",  # within 5,000 steps of drive every episode ends in a crash
    ),
    _mistake("gamma squared", TD3, "discount = config.gamma *", "discount = config.gamma**2 *"),
    _mistake(
        "no noise on target actions",
        TD3,
        "torch.randn_like(batch.action) * config.target_policy_noise",
        "torch.randn_like(batch.action) * 0.0",
    ),
    _mistake("actor descends", TD3, "loss = -q.mean()", "loss = q.mean()"),
    _mistake("actor updated every time", TD3, "self.updates % config.policy_delay == 0", "True"),
    _mistake("tau ten times as large", TD3, "self.config.tau)", "10 * self.config.tau)"),
    _mistake(
        "actor target never updated",
        TD3,
        "torch._foreach_lerp_(self.targets, self.online, self.config.tau)",
        "n = len([*self.actor.parameters()]); "
        "torch._foreach_lerp_(self.targets[n:], self.online[n:], self.config.tau)",
    ),
    _mistake("second critic not trained", TD3, "for q in q_values]", "for q in q_values[:1]]"),
    _mistake(
        "target from the same observation",
        TD3,
        "self.critic_target.encode(next_obs)",
        "self.critic_target.encode(obs)",
    ),
    _mistake("critic gradients add up", TD3, "        self.critic_optimizer.zero_grad()\n", ""),
    _mistake("no exploration noise", LOOP, "np.clip(policy + noise,", "np.clip(policy,"),
    _mistake(
        "half of the replay sampled",
        REPLAY,
        "rng.integers(0, len(self._rows) * self._written, size=count)",
        "rng.integers(0, len(self._rows) * self._written // 2, size=count)",
    ),
    _mistake(
        "rewards one step late",
        REPLAY,
        "self._rewards[rows, here] = reward",
        "self._rewards[rows, following] = reward",
    ),
    _mistake(
        "actions stored without noise",
        LOOP,
        '            obs["vector"],\n            action,\n',
        '            obs["vector"],\n            action if policy is None else policy,\n',
    ),
    _mistake(
        "momentum 0.5", "trainer/agents/adam.py", "BETAS = (0.9, 0.999)", "BETAS = (0.5, 0.999)"
    ),
    _mistake(
        "exploring to one side", LOOP, "uniform(-1.0, 1.0, shape)", "uniform(0.0, 1.0, shape)"
    ),
    _mistake(
        "next episode's start as successor",
        LOOP,
        "merged[key][done] = final[key][done]",
        "merged[key][done] = next_obs[key][done]",
        preset="pendulum",  # nothing is asked of what follows a crash
    ),
    _mistake(
        "frames in reverse",
        REPLAY,
        "np.arange(self._stack - 1, -1, -1)",
        "np.arange(self._stack)",
    ),
)


def _harmless(name: str, kind: str, file: str, old: str, new: str) -> Change:
    return Change(name, kind, (Edit(file, old, new),))


HARMLESS = (
    _harmless("variable renamed", "refactoring", TD3, "next_q", "bootstrap"),
    _harmless(
        "noise in a function of its own",
        "refactoring",
        TD3,
        "            noise = torch.randn_like(batch.action) * config.target_policy_noise\n"
        "            noise = noise.clamp(-config.target_noise_clip, config.target_noise_clip)\n",
        "            noise = (lambda like: (torch.randn_like(like) * config.target_policy_noise).clamp(\n"
        "                -config.target_noise_clip, config.target_noise_clip))(batch.action)\n",
    ),
    _harmless(
        "done named otherwise",
        "refactoring",
        LOOP,
        "        done = terminated | truncated\n        last = _with_final(next_obs, infos, done)\n",
        "        ended = done = np.logical_or(terminated, truncated)\n"
        "        last = _with_final(next_obs, infos, ended)\n",
    ),
    _harmless(
        "smaller critic by reduction",
        "refactoring",
        TD3,
        "return torch.stack(list(values)).amin(dim=0)",
        "first, *others = values\n    for other in others:\n        first = torch.minimum(first, other)\n"
        "    return first",
    ),
    _harmless(
        "valid places kept in a variable",
        "refactoring",
        REPLAY,
        "flat = np.concatenate([flat, drawn[self._valid[divmod(drawn, self._written)]]])",
        "rows, slots = divmod(drawn, self._written)\n"
        "            flat = np.append(flat, drawn[self._valid[rows, slots]])",
    ),
    _harmless(
        "another message", "logging", LOOP, "the policy returned a non-finite action", "bad action"
    ),
    _harmless(
        "one more tag",
        "logging",
        LOOP,
        '"agent/buffer_size": float(len(self.replay)),',
        '"agent/buffer_size": float(len(self.replay)), "agent/planned": 1.0,',
    ),
    _harmless(
        "one tag fewer", "logging", LOOP, '"agent/buffer_size": float(len(self.replay)),', ""
    ),
    _harmless(
        "logged half as often",
        "logging",
        LOOP,
        "self._next_log = self.agent.updates + config.log_every_updates",
        "self._next_log = self.agent.updates + 2 * config.log_every_updates",
    ),
    _harmless(
        "losses added one by one",
        "float order",
        TD3,
        "torch.stack([functional.mse_loss(q, target_q) for q in q_values]).sum()",
        "sum((q - target_q).square().sum() / len(q) for q in q_values)",
    ),
    _harmless(
        "reward added inside",
        "float order",
        TD3,
        "reward + torch.where(batch.terminated.bool(), 0.0, discount * next_q)",
        "torch.where(batch.terminated.bool(), reward, next_q * config.gamma + reward)",
    ),
    _harmless(
        "targets moved by sums",
        "float order",
        TD3,
        "torch._foreach_lerp_(self.targets, self.online, self.config.tau)",
        "[t.mul_(1.0 - self.config.tau).add_(o, alpha=self.config.tau)\n"
        "            for t, o in zip(self.targets, self.online, strict=True)]",
    ),
    _harmless(
        "mean as sum over count",
        "float order",
        TD3,
        "q.detach().abs().mean()",
        "(q.detach().double().abs().sum() / q.numel()).float()",
    ),
    _harmless(
        "pictures multiplied",
        "float order",
        "trainer/observation.py",
        "pictures.div_(255.0)",
        "pictures.mul_(1.0 / 255.0)",
    ),
    _harmless(
        "one number drawn in vain",
        "random draws",
        TD3,
        "            noise = torch.randn_like(batch.action)",
        "            torch.rand(1)\n            noise = torch.randn_like(batch.action)",
    ),
    _harmless(
        "noise drawn column by column",
        "random draws",
        TD3,
        "torch.randn_like(batch.action)",
        "torch.randn(batch.action.shape[::-1]).T.contiguous()",
    ),
    Change(
        "streams exchanged",
        "random draws",
        (
            Edit(SEEDING, "default_rng(children[0])", "default_rng(children[5])"),
            Edit(SEEDING, "default_rng(children[1])", "default_rng(children[0])"),
            Edit(SEEDING, ".spawn(5)", ".spawn(6)"),
        ),
    ),
    Change(
        "critic built before the actor",
        "random draws",
        (
            Edit(TD3, "        self.actor = Actor(architecture).to(self.device)\n", ""),
            Edit(
                TD3,
                "        self.critic = Critic(architecture).to(self.device)\n",
                "        self.critic = Critic(architecture).to(self.device)\n"
                "        self.actor = Actor(architecture).to(self.device)\n",
            ),
        ),
    ),
    _harmless(
        "transitions drawn in reverse",
        "random draws",
        REPLAY,
        "drawn = rng.integers(0, len(self._rows) * self._written, size=count)",
        "drawn = len(self._rows) * self._written - 1\n"
        "            drawn = drawn - rng.integers(0, len(self._rows) * self._written, size=count)",
    ),
    _harmless(
        "another seed of the environments",
        "random draws",
        SEEDING,
        "self.env_seed = int(children[2].generate_state(1)[0] >> 1)",
        "self.env_seed = int(children[2].generate_state(2)[1] >> 1)",
    ),
)

CHANGES = (*MISTAKES, *HARMLESS)
