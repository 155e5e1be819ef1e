"""Writes a policy into one file: its weights, and what must be known to use them elsewhere.

The file is a NumPy archive without pickles: `about` holds a description as JSON, each other array the weights of a
layer that the description names. `trainer/policy/load_policy.py` reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from trainer.agents.networks import Actor, PictureNorm
from trainer.mistakes import ConfigMistakesError, Mistake
from trainer.policy.saved import SavedPolicy
from trainer.run.files import write_atomically

KIND = "gonogo policy"
FORMAT = 1
Layer = tuple[str, str, float]
"""Operation, name of its weights or an empty text, and its number: stride of a convolution, epsilon of a norm, or 0."""


def write_policy(saved: SavedPolicy, path: Path) -> dict[str, Any]:
    """Write a policy file and return its description.

    Raises:
        ConfigMistakesError: The policy is no network that the file can describe.
        OSError: The file cannot be written; an older one is untouched.
    """
    actor = saved.agent.networks.get("actor")
    if type(actor) is not Actor:
        name = saved.task.request.train.algorithm
        raise _refusal(f"the policy of {name!r} cannot be exported: its actor is of another kind")
    weights: dict[str, NDArray[np.float32]] = {}
    camera = [] if actor.cnn is None else _layers("camera", actor.cnn.layers, weights)
    policy = [*_layers("policy", actor.mlp, weights), ("tanh", "", 0.0)]
    about = _description(saved) | {"camera_layers": camera, "policy_layers": policy}
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about, allow_nan=False)), **weights}
    write_atomically(path, lambda file: np.savez(file, **arrays))
    return about


def _layers(part: str, layers: nn.Sequential, weights: dict[str, NDArray[Any]]) -> list[Layer]:
    """Name each layer's operation and keep its weights."""
    found = []
    for number, layer in enumerate(layers):
        name = f"{part}.{number}"
        op, value = _operation(layer)
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        for kind, tensor in (("weight", weight), ("bias", bias)):
            if tensor is not None:
                array = tensor.detach().numpy()
                array = array.transpose(1, 2, 0) if op == "picture_norm" else array
                weights[f"{name}.{kind}"] = np.ascontiguousarray(array)
        found.append((op, name if weight is not None else "", value))
    return found


def _operation(layer: nn.Module) -> tuple[str, float]:
    if isinstance(layer, nn.Conv2d):
        return "conv2d", float(layer.stride[0])
    if isinstance(layer, PictureNorm):
        return "picture_norm", layer.eps
    if isinstance(layer, nn.LayerNorm):
        return "layer_norm", layer.eps
    for kind, name in ((nn.Linear, "linear"), (nn.ReLU, "relu"), (nn.Flatten, "flatten")):
        if isinstance(layer, kind):
            return name, 0.0
    raise _refusal(f"a policy file has no operation for {type(layer).__name__}")


def _description(saved: SavedPolicy) -> dict[str, Any]:
    task = saved.task
    spec, request = task.spec, task.request
    camera = None
    if spec.camera_shape is not None:
        camera = {
            "dtype": "uint8",
            "shape": list(spec.camera_shape),
            "preprocessing": "as float32, divided by 255",
        }
    return {
        "kind": KIND,
        "format": FORMAT,
        "observation": {
            "camera": camera,
            "vector": {"dtype": "float32", "shape": [spec.vector_dim], "preprocessing": "none"},
        },
        "action": {"dtype": "float32", "shape": [spec.action_dim], "low": -1.0, "high": 1.0},
        "meaning": dict(spec.meaning),
        "step_s": None if spec.driving is None else spec.driving.step_s,
        "env": task.env.model_dump(mode="json"),
        "training": {
            "algorithm": request.train.algorithm,
            "preset": request.preset,
            "stage": request.stage,
            "seed": request.seed,
            "step": saved.step,
        },
    }


def _refusal(text: str) -> ConfigMistakesError:
    return ConfigMistakesError(Mistake(key="checkpoint", text=text))
