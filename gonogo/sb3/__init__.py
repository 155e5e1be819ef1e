"""Evidence of Stable-Baselines3's trainings, so that their runs can be judged: one line in the user's script.

    from gonogo.sb3 import Evidence

    model.learn(50_000, callback=Evidence("runs/mine", eval_env=env))

    evidence       the callback
    off_policy     TD3, DDPG and SAC: which updates are looked at
    networks       their networks, and how they are asked again
    observations   parts of an observation by the kinds that tags name
    reported       PPO, A2C and DQN: what Stable-Baselines3 says itself, and the gradient before clipping
    acting         noise on the actions of TD3 and DDPG
    ledger         what the environment received and gave, a witness for the buffer's batches
    configuration  hyperparameters of a model by the names of docs/run-directory.md
    evaluation     episodes of the policy without noise

Importing it needs torch and stable-baselines3.
"""

from gonogo.sb3.evidence import Evidence

__all__ = ["Evidence"]
