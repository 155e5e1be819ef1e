"""Trains a TD3 agent and writes a run directory; knows nothing of gates, reports and flows."""
