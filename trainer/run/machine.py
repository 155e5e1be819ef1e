"""Compares a configuration with what this machine can do; imports torch."""

from __future__ import annotations

import os
import shutil

import torch

from trainer.config import TrainConfig
from trainer.mistakes import Mistake

_CXX = os.environ.get("CXX", "g++")
"""The compiler that torch takes."""


def misfit_of_machine(config: TrainConfig) -> Mistake | None:
    """Say which setting this machine cannot serve; None if it can serve all of them."""
    if config.device == "cuda" and not torch.cuda.is_available():
        return Mistake(
            key="train.device",
            text="torch finds no CUDA device; use cpu",
        )
    if config.precision == "bf16" and not _has_bf16(config.device):
        return Mistake(
            key="train.precision",
            text="this processor has no bf16 arithmetic; use fp32",
        )
    if config.compile and config.device == "cpu" and shutil.which(_CXX) is None:
        return Mistake(
            key="train.compile",
            text=f"needs a C++ compiler, and there is no {_CXX}; leave it off",
        )
    return None


def _has_bf16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public name for it; one that is gone means no.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(supported())
