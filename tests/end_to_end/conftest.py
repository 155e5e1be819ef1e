from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Gonogo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The caller's environment without what would lead to another Prefect server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


SERVE = """
import sys
from pathlib import Path
from flows.prefect_environment import prepare_environment
from flows.prefect_server import prefect_server
prepare_environment(Path(sys.argv[1]))
with prefect_server() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="session")
def prefect_url(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One Prefect server for the tests that do not need one of their own."""
    home = tmp_path_factory.mktemp("prefect")
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(home)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), "Prefect's server did not start"
        yield url


@pytest.fixture
def gonogo(tmp_path: Path, environment: dict[str, str], prefect_url: str) -> Gonogo:
    """Run the real command in a process of its own, in an empty folder."""
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gonogo", *arguments],
            cwd=work,
            env={**environment, "PREFECT_API_URL": prefect_url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )

    return run


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The driving task with tiny networks, and two stages that take seconds."""
    write(
        tmp_path / "small.yaml",
        """
        name: small
        description: The driving task, as small as it gets.
        env: {id: drive, camera_size: 16, max_episode_steps: 60}
        train:
          num_envs: 2
          encoder: small
          features_dim: 8
          hidden_sizes: [16]
          layer_norm: true
          learning_starts: 200
          train_freq: 4
          batch_size: 16
          buffer_size: 2_000
          actor_lr: 1.0e-4
          preact_penalty: 0.02
          normalize_actor_loss: true
        """,
    )
    write(
        tmp_path / "sound.yaml",
        """
        name: sound
        description: What a run of a few hundred steps can show.
        checks:
          - id: planned_steps
            title: All planned steps reached
            type: completeness
            group: integrity
            min_points: 1
            rationale: A run that stopped early shows less than it was meant to show.
            source: this test
          - id: leak
            title: No gradient past the policy's output
            type: limit
            group: gradients
            tag: probe/actor_encoder_leak
            statistic: max_abs
            max: {fail: 0}
            rationale: The wiring is right.
            source: this test
          - id: saturation
            title: Actions not all at their limits
            type: limit
            group: policy
            tag: policy/tanh_saturation
            window: {last_share: 0.25}
            statistic: median
            max: {fail: 0.9}
            rationale: A saturated actor learns nothing.
            source: this test
        """,
    )
    for name, steps in (("first", 600), ("second", 800)):
        write(
            tmp_path / f"{name}.yaml",
            f"""
            name: {name}
            steps: {steps}
            gate: sound.yaml
            eval: {{every_steps: {steps}, episodes: 1}}
            checkpoint: {{every_steps: {steps}}}
            """,
        )
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
