"""Trains a preset with several seeds and draws the evaluation returns over environment steps.

    python benchmarks/learning_curve.py pendulum --steps 20000 --seeds 3 --out runs/curve --plot docs/pendulum.png

Run directories in `--out` that have finished are used again. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import yaml
from matplotlib.figure import Figure

from gates.events.reader import read_events

ROOT = Path(__file__).resolve().parents[1]


def train(preset: str, seed: int, steps: int, evaluations: int, episodes: int, out: Path) -> Path:
    run = out / f"seed-{seed}"
    status = run / "status.json"
    if status.exists() and json.loads(status.read_text())["phase"] == "finished":
        return run
    run.mkdir(parents=True)
    recipe = yaml.safe_load((ROOT / "config" / "presets" / f"{preset}.yaml").read_text())
    recipe["train"] |= {"eval_every_steps": steps // evaluations, "eval_episodes": episodes}
    request = {
        "format": 1,
        "preset": preset,
        "stage": "curve",
        "planned_steps": steps,
        "seed": seed,
        "env": recipe["env"],
        "train": recipe["train"],
    }
    (run / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-m", "trainer", "run", "--run", str(run.resolve())]
    subprocess.run(command, cwd=ROOT, check=True)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plot", type=Path, required=True)
    options = parser.parse_args()

    def one(seed: int) -> Path:
        return train(
            options.preset,
            seed,
            options.steps,
            options.evaluations,
            options.episodes,
            options.out,
        )

    with ThreadPoolExecutor(options.workers) as pool:
        runs = list(pool.map(one, range(options.seeds)))
    curves = [read_events(run).series["eval/mean_reward"] for run in runs]

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for seed, curve in enumerate(curves):
        axes.plot(curve.steps, curve.values, linewidth=1.2, label=f"seed {seed}")
    mean = np.mean([curve.values for curve in curves], axis=0)
    axes.plot(curves[0].steps, mean, color="black", linewidth=2, label="mean")
    axes.set_xlabel("environment steps")
    axes.set_ylabel(f"return, mean of {options.episodes} episodes without noise")
    axes.set_title(f"TD3 on the preset {options.preset}")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(options.plot, dpi=110)

    print(f"| seed | untrained | after {options.steps:,} steps | best |")
    print("|---|---|---|---|")
    for seed, curve in enumerate(curves):
        values = curve.values
        print(f"| {seed} | {values[0]:.0f} | {values[-1]:.0f} | {values.max():.0f} |")


if __name__ == "__main__":
    main()
