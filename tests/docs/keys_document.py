"""Composes docs/keys.md."""

from __future__ import annotations

from itertools import chain

from flows.settings.setting_files import PresetFile, StageFile
from flows.settings.trainers.command_trainer import TrainerSection
from gates.checks.check import Check
from gates.checks.gate_file import GateSpec
from gates.checks.types.registry import CHECK_TYPES
from gates.runs.dialect_file import Dialect
from tests.docs.keys import Key, keys_of, table
from trainer.config import TrainConfig
from trainer.envs.registry import ENVIRONMENTS

HEAD = """\
# Every key of every file

Generated from the models that check the files (`make docs`). A key that is not listed here is refused, with the nearest
name that exists. Numbers are written as YAML reads them: `3.0e-4`, not `3e-4`. `a.b` is key `b` inside section `a`,
`a[].b` is key `b` of each item of list `a`, and `a.<name>.b` is key `b` of each entry of mapping `a`.

- [Preset](#preset): [`train`](#train), [`env`](#env) of each environment, [`trainer`](#trainer)
- [Stage](#stage)
- [Gate](#gate), and [each check type](#check-types)
- [Mapping file](#mapping-file)
"""

BASED_ON = Key(
    name="based_on",
    type="text",
    unit="",
    default="none",
    text="Gate whose checks come first; a check of the same `id` replaces the one there.",
)
"""Resolved while the file is loaded, so it is no field of the model."""
TYPE = Key(
    name="checks[].type",
    type="text",
    unit="",
    default="required",
    text="Check type; those that there are follow below.",
)
"""Chooses the model, so it is no field of one."""


def keys_document() -> str:
    """Return docs/keys.md."""
    common = frozenset(Check.__struct_fields__)
    parts = [
        HEAD,
        "## Preset\n\nA file of `config/presets`, or your own. `--set train.tau=0.01` overrides one key of `env`, "
        "`train` or `trainer.values`.",
        table(keys_of(PresetFile)),
        '<a id="train"></a>\n\n### `train`: hyperparameters of the built-in trainer',
        table(keys_of(TrainConfig, "train.")),
        *_environments(),
        '<a id="trainer"></a>\n\n### `trainer`: any trainer by command',
        table(keys_of(TrainerSection, "trainer.")),
        "## Stage\n\nA file of `config/stages`, or your own.",
        table(keys_of(StageFile)),
        "## Gate\n\nA file of `config/gates`, or your own ([how to write one](write-a-gate.md)).",
        table(chain([BASED_ON], keys_of(GateSpec))),
        "### Keys of every check",
        table(chain([TYPE], keys_of(Check, "checks[]."))),
        '<a id="check-types"></a>\n\n### Check types',
    ]
    for name, model in CHECK_TYPES.items():
        summary = (model.__doc__ or "").strip().splitlines()[0]
        parts += [f"#### `{name}`\n\n{summary}", table(keys_of(model, "checks[].", common))]
    parts += [
        "## Mapping file\n\nA file of `config/dialects`, or your own ([how to write one](write-a-mapping-file.md)).",
        table(keys_of(Dialect)),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _environments() -> list[str]:
    parts = ['<a id="env"></a>\n\n### `env`: keys of each environment']
    for environment in ENVIRONMENTS:
        parts += [f"#### `id: {environment.shown_id}`", table(keys_of(environment.config, "env."))]
    return parts
