"""Writes a policy into one file: its weights, and what must be known to use them elsewhere.

The file is a NumPy archive without pickles: `about` holds a description as JSON, with the steps from observation to
action; the other arrays are the weights that the steps name. `trainer/policy/load_policy.py` reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.agents.networks import Actor, PictureNorm
from trainer.mistakes import ConfigMistakesError, Mistake
from trainer.policy.saved import SavedPolicy
from trainer.run.files import write_atomically

KIND = "gonogo policy"
FORMAT = 2
Step = tuple[str, str, list[Any]]
"""Name of the result, function, and arguments; a text among these names a result, an input or weights."""


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
    written = _Writer()
    value = "vector"
    if actor.cnn is not None:
        value = written.step("pixels", "div", "camera", 255.0)
        value = written.layers("camera", actor.cnn.layers, value)
        if saved.task.spec.vector_dim:
            value = written.step("features", "join", value, "vector")
    value = written.layers("policy", actor.mlp, value)
    written.step("action", "tanh", value)
    about = _description(saved) | {"steps": written.steps}
    arrays = {"about": np.array(json.dumps(about, allow_nan=False)), **written.weights}
    write_atomically(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    return about


class _Writer:
    """Collects the steps from observation to action, and the weights that they use."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.weights: dict[str, NDArray[np.float32]] = {}

    def step(self, result: str, function: str, *arguments: Any) -> str:
        self.steps.append((result, function, list(arguments)))
        return result

    def layers(self, part: str, layers: nn.Sequential, value: str) -> str:
        """Add layers that begin with a named value; returns the name of their result."""
        for number, layer in enumerate(layers):
            value = self._layer(f"{part}.{number}", layer, value)
        return value

    def _layer(self, name: str, layer: nn.Module, x: str) -> str:
        if isinstance(layer, nn.Conv2d):
            # Channels last, as in training: another order would be rounded differently.
            kernels = self._keep(f"{name}.weight", layer.weight.permute(0, 2, 3, 1))
            kernels = self.step(f"{name}.kernels", "permute", kernels, [0, 3, 1, 2])
            bias = self._keep(f"{name}.bias", layer.bias)
            return self.step(name, "conv2d", x, kernels, bias, list(layer.stride))
        if isinstance(layer, PictureNorm):
            scale, shift = layer.weight.permute(1, 2, 0), layer.bias.permute(1, 2, 0)
            x = self.step(f"{name}.channels_last", "permute", x, [0, 2, 3, 1])
            x = self._norm(f"{name}.normalised", x, scale, shift, layer.eps)
            return self.step(name, "permute", x, [0, 3, 1, 2])
        if isinstance(layer, nn.LayerNorm):
            return self._norm(name, x, layer.weight, layer.bias, layer.eps)
        if isinstance(layer, nn.Linear):
            weight = self._keep(f"{name}.weight", layer.weight)
            return self.step(name, "linear", x, weight, self._keep(f"{name}.bias", layer.bias))
        if isinstance(layer, nn.Flatten):
            return self.step(name, "flatten", x, 1)
        if isinstance(layer, nn.ReLU):
            return self.step(name, "relu", x)
        raise _refusal(f"a policy file has no step for {type(layer).__name__}")

    def _norm(self, name: str, x: str, weight: Tensor, bias: Tensor, eps: float) -> str:
        kept = self._keep(f"{name}.weight", weight), self._keep(f"{name}.bias", bias)
        return self.step(name, "layer_norm", x, list(weight.shape), *kept, eps)

    def _keep(self, name: str, weight: Tensor | None) -> str:
        assert weight is not None
        self.weights[name] = np.ascontiguousarray(weight.detach().numpy())
        return name


def _description(saved: SavedPolicy) -> dict[str, Any]:
    task = saved.task
    spec, request = task.spec, task.request
    camera = None
    if spec.camera_shape is not None:
        camera = {
            "dtype": "uint8",
            "shape": list(spec.camera_shape),
            "preprocessing": "divided by 255",
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
