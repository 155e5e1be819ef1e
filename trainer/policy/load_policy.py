"""Loads a policy file. Copy this to where the policy is used: it needs torch and NumPy only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, layer_norm, linear


def load_policy(path: Any) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Return what the file says of itself, and a function from `vector` and `camera` to actions."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays.pop("about")))
    weights = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def layer(x: Tensor, op: str, name: str, number: float) -> Tensor:
        w, b = (weights.get(f"{name}.{part}", x) for part in ("weight", "bias"))
        if op == "conv2d":
            return conv2d(x, w.contiguous(memory_format=torch.channels_last), b, int(number))
        if op == "picture_norm":  # of height, width and channels together
            return layer_norm(x.permute(0, 2, 3, 1), w.shape, w, b, number).permute(0, 3, 1, 2)
        if op == "layer_norm":
            return layer_norm(x, w.shape, w, b, number)
        if op == "linear":
            return linear(x, w, b)
        return x.flatten(1) if op == "flatten" else {"relu": torch.relu, "tanh": torch.tanh}[op](x)

    def run(x: Tensor, part: str) -> Tensor:
        for op, name, number in about[part]:
            x = layer(x, op, name, number)
        return x

    def act(vector: Any, camera: Any = None) -> Any:
        with torch.inference_mode():
            x = torch.from_numpy(vector)
            if camera is not None:
                pixels = torch.from_numpy(camera).to(
                    torch.float32, memory_format=torch.channels_last
                )
                x = torch.cat([run(pixels / 255.0, "camera_layers"), x], dim=1)
            return run(x, "policy_layers").numpy()

    return about, act
