"""Trains and judges one short stage with a trainer by command, without Prefect.

`run_command.py PRESET STAGE OUT [--resume]`
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from run_stage import train_and_judge

from flows.pipeline.request import RunRequest

if __name__ == "__main__":
    preset, stage, out = sys.argv[1:4]
    asked = RunRequest(preset=preset, stages=(stage,), out=Path(out))
    sys.exit(train_and_judge(asked, resume="--resume" in sys.argv))
