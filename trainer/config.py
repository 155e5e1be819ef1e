"""Every hyperparameter of the trainer, once, with unit, range and source of the default.

Defaults are those of the TD3 authors (Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic
Methods", and their released code) where they published one. Presets override them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LearningRate = Annotated[float, Field(gt=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]

DDPG_DEFAULTS: dict[str, object] = {
    "twin_critics": False,
    "policy_delay": 1,
    "target_policy_noise": 0.0,
}
"""What `algorithm: ddpg` changes: one critic, no delay, no target smoothing (Lillicrap et al. 2016)."""


BOOKKEEPING = frozenset(
    {
        "eval_every_steps",
        "eval_episodes",
        "checkpoint_every_steps",
        "keep_checkpoints",
        "milestone_steps",
        "save_replay",
        "log_every_updates",
    }
)
"""Fields of `TrainConfig` that no update depends on: stages that differ only in these share a recipe."""


class TrainConfig(BaseModel):
    """Hyperparameters of one recipe; the same for all stages, so that a short run validates a long one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    algorithm: str = "td3"
    """`td3`, or `ddpg`: the same code with one critic, `policy_delay` 1 and no target noise, unless these are set. All
    algorithms are listed in `trainer.agents.registry`."""

    # Networks
    encoder: Literal["nature", "small"] = "nature"
    """Convolutions of both encoders: `nature` (Mnih et al. 2015, needs 36 pixels or more) or `small` (two layers)."""
    features_dim: PositiveInt = 512
    """Width of the encoder's output (Mnih et al. 2015)."""
    hidden_sizes: tuple[PositiveInt, ...] = Field(default=(256, 256), min_length=1)
    """Hidden layers of the actor's and both critics' MLPs (released TD3 code)."""
    layer_norm: bool = False
    """LayerNorm after each encoder layer and each hidden MLP layer (Ba et al. 2016)."""
    twin_critics: bool = True
    """Two critics and the minimum of both in the target (Fujimoto et al. 2018, section 4.2)."""

    # Learning rates, one per module
    actor_lr: LearningRate = 3.0e-4
    """Adam step size of the actor's MLP (released TD3 code)."""
    critic_lr: LearningRate = 3.0e-4
    """Adam step size of the critics' MLPs."""
    actor_cnn_lr: LearningRate = 3.0e-4
    """Adam step size of the actor's encoder."""
    critic_cnn_lr: LearningRate = 3.0e-4
    """Adam step size of the critics' encoder."""
    critic_weight_decay: NonNegative = 0.0
    """L2 coefficient of the critic's Adam (TD3 uses none; DDPG's paper 1e-2)."""

    # TD3
    gamma: float = Field(default=0.99, ge=0, lt=1)
    """Discount per environment step."""
    tau: float = Field(default=0.005, gt=0, le=1)
    """Share of the online network in each target update (Polyak averaging)."""
    policy_delay: PositiveInt = 2
    """Critic updates per actor update (Fujimoto et al. 2018, Algorithm 1)."""
    target_policy_noise: NonNegative = 0.2
    """Standard deviation of the noise on the target action, in units of the action range [-1, 1]."""
    target_noise_clip: NonNegative = 0.5
    """Bound of that noise."""
    exploration_noise: NonNegative = 0.1
    """Standard deviation of the Gaussian noise on actions while training."""
    exploration_noise_final: NonNegative | None = None
    """Noise at the end of the decay; unset: constant."""
    exploration_noise_decay_steps: PositiveInt = 100_000
    """Environment steps of the linear decay after `learning_starts`."""

    # Data and schedule
    batch_size: PositiveInt = 256
    """Transitions per update."""
    buffer_size: PositiveInt = 1_000_000
    """Transitions that the replay buffer keeps."""
    num_envs: PositiveInt = 1
    """Environments stepped in parallel; a step counts for each of them."""
    learning_starts: int = Field(default=25_000, ge=0)
    """Environment steps with uniformly random actions before the first update."""
    train_freq: PositiveInt = 1
    """Environment steps between two rounds of updates."""
    gradient_steps: PositiveInt = 1
    """Critic updates per round."""

    # Rewards as the critic sees them: normalised, then scaled, then clipped
    reward_normalization: bool = False
    """Divide by the running standard deviation of the rewards."""
    reward_scale: float = Field(default=1.0, gt=0)
    """Factor on the reward."""
    reward_clip: float | None = Field(default=None, gt=0)
    """Bound of the absolute scaled reward; unset: none."""

    # Guards
    preact_penalty: NonNegative = 0.0
    """Coefficient of mean(z^2) of the pre-tanh outputs in the actor loss; keeps the tanh from saturating."""
    normalize_actor_loss: bool = False
    """Divide the actor's Q by its mean absolute value (Fujimoto and Gu 2021, equation 5, without the cloning term)."""
    critic_warmup_updates: int = Field(default=0, ge=0)
    """Critic updates before the first actor update."""
    actor_cnn_max_grad_norm: float | None = Field(default=None, gt=0)
    """Clip limit of the actor encoder's global gradient norm; unset: no clipping (TD3 has none)."""
    actor_mlp_max_grad_norm: float | None = Field(default=None, gt=0)
    """The same for the actor's MLP."""
    critic_cnn_max_grad_norm: float | None = Field(default=None, gt=0)
    """The same for the critics' encoder."""
    critic_mlp_max_grad_norm: float | None = Field(default=None, gt=0)
    """The same for the critics' MLPs."""

    # Evaluation, logging, saving
    eval_every_steps: PositiveInt = 5_000
    """Environment steps between two evaluations; the untrained policy is always evaluated at step 0."""
    eval_episodes: PositiveInt = 10
    """Episodes per evaluation, each with its own fixed seed."""
    log_every_updates: PositiveInt = 1
    """Critic updates per logged update, rounded up to the next one that also updates the actor."""
    checkpoint_every_steps: PositiveInt = 50_000
    """Environment steps between two checkpoints; the last step is always saved."""
    keep_checkpoints: PositiveInt = 3
    """Newest checkpoints that are kept, in addition to the milestones and the best evaluation."""
    milestone_steps: tuple[PositiveInt, ...] = (50_000, 100_000, 250_000, 500_000, 750_000)
    """Steps whose checkpoint is kept for good; that of the last step always is."""
    save_replay: bool = True
    """Save the replay buffer with the checkpoints, in increments; without it a run cannot be resumed exactly."""

    # Machine
    device: Literal["cpu", "cuda"] = "cpu"
    """Where networks and batches live."""
    replay_on_device: bool = False
    """Keep a second copy of the replay's pictures on `device`: batches are gathered there instead of sent there."""
    threads: PositiveInt = 1
    """Threads of an update; acting and stepping take one. Two help with pictures of 84 pixels on an idle machine.
    Results repeat bit by bit only with the same number."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the encoders in updates: bf16 is quicker where the processor has it and rounds to three digits.
    Weights, optimisers, MLPs, targets and actions stay fp32."""
    compile: bool = False
    """Let torch compile the networks of updates, which takes a while at the start. For CUDA; slower on a processor."""

    @model_validator(mode="before")
    @classmethod
    def _fill_ddpg(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("algorithm") == "ddpg":
            return {**DDPG_DEFAULTS, **data}
        return data

    @model_validator(mode="after")
    def _check_together(self) -> TrainConfig:
        final = self.exploration_noise_final
        if final is not None and final > self.exploration_noise:
            raise ValueError(
                f"exploration_noise_final ({final}) must not exceed exploration_noise ({self.exploration_noise})"
            )
        if self.buffer_size < self.batch_size:
            raise ValueError(
                f"buffer_size ({self.buffer_size}) must hold at least one batch ({self.batch_size})"
            )
        return self


class WarmStart(BaseModel):
    """A checkpoint of an earlier run whose agent this run starts with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checkpoint: str = Field(min_length=1)
    """A `.ckpt` file; a relative path begins at the folder of request.json."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Hash of the file: the recipe names the weights, not only their place."""
    step: int | None = Field(default=None, ge=0)
    """Environment step of the checkpoint; None for the best evaluation's."""
    carry: Literal["weights", "learner"]
    """`weights`: networks, targets and reward normalisation. `learner`: the optimisers' moments as well."""
    named: bool = False
    """The user named this checkpoint; otherwise the stage takes that of the stage before it."""


class RouteSet(BaseModel):
    """Routes of evaluations, each fixed by its seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    first_seed: int = Field(ge=0, lt=2**30)
    """Seed of the first route; the next ones count up."""
    env: dict[str, Any] = {}
    """Keys of `env` that differ from the training's."""

    def seeds(self, count: int) -> list[int]:
        """Return the seeds of the first routes."""
        return [self.first_seed + number for number in range(count)]


class Routes(BaseModel):
    """Routes that the policy drives in evaluations."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    episodes: PositiveInt
    """Routes of each set at the end of the stage; evaluations on the way `train.eval_episodes` of the first."""
    training: RouteSet
    """Routes like those of the training."""
    held_out: RouteSet | None = None
    """Routes of a kind that the training never sees."""


class Request(BaseModel):
    """What to train: the content of request.json (docs/run-directory.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1]
    preset: str = Field(min_length=1)
    stage: str = Field(min_length=1)
    planned_steps: PositiveInt
    """Environment steps; must be a multiple of `train.num_envs`."""
    seed: int = Field(ge=0, lt=2**31)
    env: dict[str, Any]
    """Configuration of the environment, validated by `trainer.envs.registry`."""
    train: TrainConfig
    warm_start: WarmStart | None = None
    """Checkpoint that the run starts from; unset: fresh networks."""
    routes: Routes | None = None
    """Routes of evaluations; unset: drawn from the seed, and no evaluation on other routes at the end."""
    final_episodes: PositiveInt | None = None
    """Episodes at the end, for last, best and untrained policy each; fewer where they take too long; unset: none."""

    @model_validator(mode="after")
    def _check_steps(self) -> Request:
        if self.planned_steps % self.train.num_envs:
            raise ValueError(
                f"planned_steps ({self.planned_steps}) must be a multiple of train.num_envs ({self.train.num_envs})"
            )
        return self
