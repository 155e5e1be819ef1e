"""Fields of the forms: types with bounds and choices, and the options of a run as fields."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from prefect.client.schemas import State
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from flows.cockpit.choices import presets, stages
from flows.settings.run_options import (
    DEFAULT_PRESET,
    DEFAULT_STAGES,
    Command,
    OnConditional,
    RunOption,
    run_options,
)
from flows.settings.seeds import SEED_LIMIT

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
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
Steps = Annotated[int, Field(ge=0)]
Jobs = Annotated[int, Field(ge=1, le=64)]
Override = Annotated[str, Field(pattern=r"^(env|train|trainer)[.].+=.+")]


@dataclass(frozen=True, kw_only=True)
class FormField:
    """How a form shows one option of a run."""

    type: Any
    default: Any
    help: str = ""
    """Another description than the option's own."""
    always_said: bool = False
    """The default differs from the option's own, so it counts even when the field is left alone."""


SPECIAL: Mapping[str, FormField] = {
    "preset": FormField(type=Preset, default=DEFAULT_PRESET),
    "stages": FormField(
        type=Annotated[list[Stage], Field(min_length=1)], default=list(DEFAULT_STAGES)
    ),
    "seeds": FormField(
        type=list[Seed],
        default=[],
        help="Seeds of the training. Several are trained in parallel and judged together before the "
        "next stage starts. Empty: those of the pipeline in out, else 0.",
    ),
    "out": FormField(
        type=str,
        default="",
        help="Only to continue an earlier pipeline: the name of its directory. It supplies preset, "
        "stages, seeds and overrides where these fields are left as they are.",
    ),
    "overrides": FormField(type=list[Override], default=[]),
    "on_conditional": FormField(type=OnConditional, default="wait", always_said=True),
    "override_no_go": FormField(type=StageOrNone, default=NO_STAGE),
}
"""Options of a run that are more than a text, a number or a choice in a form."""

Given = Mapping[str, Any]
"""The options of a run that a form says, by name; fields that were left alone are missing."""


def with_run_fields(
    command: Command, *, without: tuple[str, ...] = (), **special: FormField
) -> Callable[[Callable[..., State[Any]]], Callable[..., State[Any]]]:
    """Give a flow all options of a run as fields of its form; its parameter `given` gets them."""
    options = {name: o for name, o in run_options(command).items() if name not in without}
    fields = {name: {**SPECIAL, **special}.get(name) or _field(o) for name, o in options.items()}

    def decorate(work: Callable[..., State[Any]]) -> Callable[..., State[Any]]:
        parameters = inspect.signature(work, eval_str=True).parameters
        made: list[inspect.Parameter] = []
        for name, parameter in parameters.items():
            own = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            made += [_parameter(n, f) for n, f in fields.items()] if name == "given" else [own]

        @functools.wraps(work)
        def call(**values: Any) -> State[Any]:
            said = {
                name: value
                for name, field in fields.items()
                if (value := values.pop(name, field.default)) != field.default or field.always_said
            }
            return work(given=said, **values)

        lines = [f"    {name}: {_help(options[name], field)}" for name, field in fields.items()]
        doc = inspect.cleandoc(work.__doc__ or "")
        head = doc if "\nArgs:\n" in doc else f"{doc}\n\nArgs:"
        call.__doc__ = "\n".join([head, *lines])
        call.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
        return call

    return decorate


def _field(option: RunOption) -> FormField:
    """Return the field of an option that is a text, a number or a choice."""
    kinds = [kind for kind in get_args(option.type) if kind is not type(None)]
    optional = len(kinds) < len(get_args(option.type))
    kind = kinds[0] if optional else option.type
    about = option.about
    if get_origin(kind) is Literal:
        if not optional:
            return FormField(type=kind, default=option.default)
        return FormField(type=Literal[(BY_STAGE_FILE, *get_args(kind))], default=BY_STAGE_FILE)
    if kind in (int, float):
        least = 0 if optional else about.least
        bounds = Field(gt=about.above, ge=least, le=about.most, allow_inf_nan=False)
        return FormField(type=Annotated[kind, bounds], default=0 if optional else option.default)
    return FormField(type=kind, default=option.default)


def _parameter(name: str, field: FormField) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
    )


def _help(option: RunOption, field: FormField) -> str:
    """Return the description of a field, in which other fields are named as the form names them."""
    text = field.help or option.about.help
    if option.about.default and not field.help and field.default in ("", 0):
        text += f" {'Empty' if field.default == '' else '0'}: {option.about.default}."
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda match: match[1].replace("-", "_"), text)
