"""Types of the forms' fields: each carries its bounds and its choices into the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from flows.cockpit.choices import presets, stages
from flows.pipeline.request import LONGEST_WAIT_H
from flows.settings.plan import SEED_LIMIT

OWN_STAGE: Final = "as the run says"
"""Choice of a stage: the one that the run itself names."""
NO_STAGE: Final = "none"
BY_STAGE_FILE: Final = "as the stage file says"


@dataclass(frozen=True)
class OneOf:
    """Marks a text that the form shows as a list to choose from."""

    what: str
    offered: Callable[[], Mapping[str, str]]
    others: tuple[str, ...] = ()

    @property
    def choices(self) -> list[str]:
        """Everything that may be chosen."""
        return [*self.others, *self.offered()]

    def known(self, name: str) -> str:
        """Return the name; refuse one that cannot be chosen."""
        if name not in self.choices:
            raise ValueError(f"there is no {self.what} {name!r}: {', '.join(self.choices)}")
        return name

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic check the name."""
        return core_schema.no_info_after_validator_function(self.known, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Let the form know the choices."""
        return {**handler(schema), "enum": self.choices}


Preset = Annotated[str, OneOf("preset", presets)]
Stage = Annotated[str, OneOf("stage", stages)]
StageOrOwn = Annotated[str, OneOf("stage", stages, (OWN_STAGE,))]
StageOrNone = Annotated[str, OneOf("stage", stages, (NO_STAGE,))]
Hours = Annotated[float, Field(gt=0, le=LONGEST_WAIT_H, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
Steps = Annotated[int, Field(ge=0)]
Jobs = Annotated[int, Field(ge=1, le=64)]
Override = Annotated[str, Field(pattern=r"^(env|train|trainer)[.].+=.+")]
Live = Literal["as the stage file says", "stop", "warn", "off"]
Start = Literal["from the beginning", "from its newest checkpoint", "from the checkpoint below"]
