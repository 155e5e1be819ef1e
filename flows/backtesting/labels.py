"""Labels of stored runs: which verdict and which cause would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.errors import ConfigError
from flows.settings.mistakes import mistake_text
from flows.settings.yaml_file import YamlError, read_mapping
from gates.findings import GateResult, Verdict

NO_CAUSE = "none"


class Label(BaseModel):
    """What is known about one run; keys beyond these are notes for people and are not used."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    verdict: Verdict | None = None
    """The only right verdict."""
    verdict_not: Verdict | None = None
    """A verdict that would be wrong, where more than one is right."""
    cause: str | None = None
    """Cause that must be named first; `none` when no cause may be named."""
    stage: str | None = None
    """By which stage a run of another trainer is judged."""
    planned_steps: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Environment steps that the run was meant to reach."""
    config: Path | None = None
    """What another trainer was configured to do, relative to the file of labels."""

    @model_validator(mode="after")
    def _says_something(self) -> Label:
        if self.verdict is None and self.verdict_not is None and self.cause is None:
            raise ValueError("one of verdict, verdict_not and cause must be there")
        return self

    def verdict_right(self, result: GateResult | None) -> bool | None:
        """Whether a verdict is right; None when the label does not say. No result is never right."""
        if self.verdict is None and self.verdict_not is None:
            return None
        if result is None:
            return False
        return self.verdict in (None, result.verdict) and result.verdict is not self.verdict_not

    def cause_right(self, result: GateResult | None) -> bool | None:
        """Whether the first-named cause is right; None when the label does not say."""
        if self.cause is None:
            return None
        return result is not None and first_cause(result) == self.cause


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of a file by the names that stand in it."""

    folder: Path
    """Where the file lies; the names are paths relative to it or to a folder that is judged."""
    by_name: Mapping[str, Label]

    def matched(self, runs: Iterable[tuple[Path, Path]]) -> dict[Path, tuple[str, Label]]:
        """Return name and label of each labelled run, given as (folder it was found below, run)."""
        by_path = {(self.folder / name).resolve(): name for name in self.by_name}
        found = {}
        for root, run in runs:
            name = by_path.get(run.resolve()) or run.relative_to(root).as_posix()
            if name in self.by_name:
                found[run] = (name, self.by_name[name])
        return found

    def missing(self, names: Iterable[str], roots: Iterable[Path]) -> tuple[str, ...]:
        """Return labels without a run, apart from those of runs outside the judged folders."""
        within = [root.resolve() for root in roots]
        gone = []
        for name in sorted({*self.by_name} - {*names}):
            place = (self.folder / name).resolve()
            below = any(root == place or root in place.parents for root in within)
            if below or not place.is_dir():
                gone.append(name)
        return tuple(gone)


def first_cause(result: GateResult) -> str:
    """Return the best-supported cause, or `none`."""
    return result.diagnoses[0].cause if result.diagnoses else NO_CAUSE


def load_labels(path: Path) -> Labels:
    """Read a YAML file that maps folders to labels.

    Raises:
        ConfigError: It cannot be read or has mistakes; all of them are listed.
    """
    try:
        data = read_mapping(path)
    except YamlError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    labels: dict[str, Label] = {}
    mistakes: list[str] = [] if data else [f"{path}: holds no label"]
    for name, content in data.items():
        try:
            label = Label.model_validate(content)
        except ValidationError as error:
            mistakes += [f"{path}: {name}: {mistake_text(item)}" for item in error.errors()]
            continue
        if label.config is not None:
            label = label.model_copy(update={"config": path.parent / label.config})
        labels[name.rstrip("/")] = label
    if mistakes:
        raise ConfigError(mistakes)
    return Labels(folder=path.parent, by_name=labels)
