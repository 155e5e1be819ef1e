"""Judging a run while it trains: live checks, interim gates, early stopping, alerts."""
