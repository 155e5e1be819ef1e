"""Environments behind the Gymnasium vector API, found by name in `trainer.envs.registry`."""
