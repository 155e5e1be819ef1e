"""Loads a policy file. Copy this to where the policy is used: it needs torch and NumPy only."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch.nn.functional import conv2d, layer_norm, linear

KNOWN: dict[str, Any] = {
    **{f.__name__: f for f in (conv2d, layer_norm, linear)},
    **{f.__name__: f for f in (torch.div, torch.flatten, torch.permute, torch.relu, torch.tanh)},
    "join": lambda *parts: torch.cat(parts, dim=1),
}


def load_policy(path: Any) -> tuple[dict[str, Any], Any]:
    """Return what the file says of itself, and a function from named observations to actions."""
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        weights = {name: torch.from_numpy(file[name]) for name in file.files if name != "about"}

    @torch.inference_mode()
    def act(**seen: Any) -> Any:
        values = weights | {name: torch.from_numpy(array) for name, array in seen.items()}
        for name, function, given in about["steps"]:
            values[name] = KNOWN[function](*[values[a] if isinstance(a, str) else a for a in given])
        return values["action"].numpy()

    return about, act
