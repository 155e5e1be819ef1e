"""The flows of the cockpit by the names that deployments use; Prefect's own processes import them here."""

from __future__ import annotations

from flows.cockpit.deployed import backtest, gate_only, single_stage, staged_validation

__all__ = ["backtest", "gate_only", "single_stage", "staged_validation"]
