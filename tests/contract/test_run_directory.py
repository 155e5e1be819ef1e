"""Trainer, gates and docs/run-directory.md agree on tags, phases and keys."""

import re
from pathlib import Path

import yaml

from trainer.run.tags import ALL_TAGS, markdown_table

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "run-directory.md").read_text(encoding="utf-8")


def test_document_holds_the_trainers_table_of_tags():
    table = DOCUMENT.split("-->", 1)[1].split("<!-- tags:end")[0].strip()
    assert table == markdown_table(), "run `make docs`"


def test_trainer_readers_and_document_name_the_same_phases_of_the_heartbeat():
    from typing import get_args

    from gates.runs.heartbeat import Phase as PhaseRead
    from trainer.run.heartbeat import Phase

    assert list(get_args(Phase)) == [phase.value for phase in PhaseRead]
    for phase in PhaseRead:
        assert f"`{phase.value}`" in DOCUMENT


def test_document_names_every_exit_code_of_the_trainer():
    from trainer import __main__ as trainer

    sentence = re.search(r"Exit codes of the trainer: (.*?)\n\n", DOCUMENT, re.DOTALL)[1]
    codes = {int(code) for code in re.findall(r"\b\d+\b", sentence)}
    ours = (
        trainer.FINISHED,
        trainer.BROKEN,
        trainer.BAD_CONFIG,
        trainer.DIVERGED,
        trainer.ENVIRONMENT_NOT_FINITE,
        trainer.STOPPED,
    )
    assert codes == {*ours, 75}


OF_OTHER_TRAINERS = {"rollout/success_rate", "train/explained_variance"}
"""What checks of ours say about them applies only where they are logged."""


def test_every_tag_that_the_gates_know_as_ours_is_written_by_the_trainer():
    written = {tag.name for tag in ALL_TAGS}
    for gate_file in sorted((ROOT / "config" / "gates").glob("*.yaml")):
        checks = yaml.safe_load(gate_file.read_text())["checks"]
        ours = [check for check in checks if "TD3" in check.get("algorithms", ["TD3"])]
        used = set(re.findall(r"[a-z_]+/[a-z0-9_]+", _strings(ours)))
        # A check may name a group of tags by their common beginning.
        unknown = {name for name in used if not any(tag.startswith(name) for tag in written)}
        assert unknown <= OF_OTHER_TRAINERS, f"{gate_file.name}: {unknown}"


def _strings(node) -> str:
    """Join the values of tag-valued keys."""
    if isinstance(node, dict):
        return " ".join(
            _strings(value) for key, value in node.items() if key not in ("source", "rationale")
        )
    if isinstance(node, list):
        return " ".join(_strings(value) for value in node)
    return node if isinstance(node, str) else ""


def test_the_trainer_understands_the_warm_start_that_flows_ask_for(tmp_path):
    from flows.records.pipeline_record import PipelineRecord
    from flows.records.run_dir import PipelineDirectory
    from flows.training.warm_start import _chosen
    from trainer.config import WarmStart

    file = tmp_path / "5k" / "run-001" / "checkpoints" / "step-000000001.ckpt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    record = PipelineRecord(preset="p", preset_source="p", seed=0, created_at="")
    directory = PipelineDirectory(tmp_path, record, lock=-1)
    chosen = _chosen(file, 1, "weights", directory, named=True)
    warm = WarmStart.model_validate(chosen)
    assert warm.model_dump() == chosen
    assert (tmp_path / "50k" / "run-003" / warm.checkpoint).resolve() == file
