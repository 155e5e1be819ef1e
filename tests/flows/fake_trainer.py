"""A stand-in for the trainer that needs no torch: obeys `train.act` of its request.

`python fake_trainer.py run --run DIR` and `python fake_trainer.py check REQUEST`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    if sys.argv[1] == "check":
        request = json.loads(Path(sys.argv[2]).read_text())
        if "typo" in request["train"]:
            return refuse("train.typo", "unknown key", nearest="train.type")
        if "crash" in request["train"]:
            print("ImportError: no torch", file=sys.stderr)
            return 1
        warm = request.get("warm_start")
        if warm and Path(warm["checkpoint"]).read_bytes() == b"misfit":
            return refuse("warm_start", f"{warm['checkpoint']} does not fit this stage")
        resolved = {"env": request["env"], "train": request["train"], "config_sha256": "0"}
        print(json.dumps({"mistakes": [], "resolved": resolved, "needs": {}, "code": []}))
        return 0
    run = Path(sys.argv[3])
    request = json.loads((run / "request.json").read_text())
    return train(run, request)


def refuse(key: str, text: str, **more: str) -> int:
    print(json.dumps({"mistakes": [{"key": key, "text": text, **more}]}))
    return 2


def train(run: Path, request: dict) -> int:
    own = request["train"].get("by_seed", {}).get(f"s{request['seed']}", {})
    request["train"].update(own)
    act = request["train"].get("act", "finish")
    steps = request["planned_steps"]
    whole = {
        "format": 1,
        **{key: request[key] for key in ("preset", "stage", "seed", "planned_steps")},
        "algorithm": "td3",
        "env": request["env"],
        "train": request["train"],
        "config_sha256": "0",
        "warm_start": request.get("warm_start"),
        "git_revision": None,
        "versions": {},
        "started_at": "2026-01-01T00:00:00+00:00",
        "attempts": [],
    }
    write(run / "run.json", whole)
    print("the fake trainer starts", flush=True)
    if act == "refuse":
        print("planned_steps: too few", file=sys.stderr)
        return 2
    if act == "break":
        beat(run, "failed", 7, steps, "ValueError: it broke")
        raise ValueError("it broke")
    if act == "lose":
        beat(run, "failed", 7, steps, "the simulator does not answer")
        return 75
    if act == "lose once" and "--resume" not in sys.argv:
        beat(run, "failed", 7, steps, "the simulator does not answer")
        return 75
    if act == "nan":
        log(run, steps, float("nan"))
        return wait(run, steps, ignore=False)
    if act == "plateau":
        log(run, 350, 1.0, every=50, evaluation=5.0)
        return wait(run, steps, ignore=False, step=350)
    if act == "kill":
        beat(run, "training", 7, steps)
        os.kill(os.getpid(), signal.SIGKILL)
    if act in ("wait", "ignore"):
        return wait(run, steps, ignore=act == "ignore")
    log(run, steps, request["train"].get("loss", 1.0))
    beat(run, "diverged" if act == "diverge" else "finished", steps, steps)
    return 3 if act == "diverge" else 0


def wait(run: Path, steps: int, *, ignore: bool, step: int = 7) -> int:
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: None if ignore else stopped.append(1))
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    write(run / "pids.json", {"trainer": os.getpid(), "grandchild": grandchild.pid})
    beat(run, "training", step, steps)
    while not stopped:
        time.sleep(0.02)
    beat(run, "stopped", step, steps, "stopped on request")
    return 143


def log(
    run: Path, steps: int, loss: float, every: int = 100, evaluation: float | None = None
) -> None:
    from any_trainer import event, event_file, record  # a check needs none of it

    with event_file(run / "events") as file:
        for step in range(every, steps + 1, every):
            values = {
                "train/critic_loss": loss,
                "train/episode_length": 100.0,
                "agent/total_updates": step,
            }
            if evaluation is not None:
                values["eval/mean_reward"] = evaluation
            file.write(record(event(1e9 + step, step, values)))


def beat(run: Path, phase: str, step: int, planned: int, message: str = "") -> None:
    write(
        run / "status.json",
        {
            "format": 1,
            "pid": os.getpid(),
            "phase": phase,
            "step": step,
            "planned_steps": planned,
            "updates": step,
            "steps_per_s": 100.0,
            "updated_at": "2026-01-01T00:00:00+00:00",
            "message": message,
        },
    )


def write(path: Path, content: dict) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
