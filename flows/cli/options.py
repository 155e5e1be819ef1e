"""Options that several commands share; those of a run are made from `RunOptions`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_origin

import typer

from flows.settings.run_options import Command, RunOption, run_options

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Given = Mapping[str, Any]
"""The options of a run that were given, by name."""


def with_run_options(command: Command) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command all options of a run; its parameter `given` gets those that were given.

    The other parameters stay: arguments before the options of a run, options after them.
    """
    options = run_options(command)

    def decorate(work: Callable[..., None]) -> Callable[..., None]:
        parameters = inspect.signature(work, eval_str=True).parameters

        def call(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            given = {name: value for name, value in given.items() if value is not None}
            work(given=given, **values)

        made: list[inspect.Parameter] = []
        for name, parameter in parameters.items():
            own = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            made += map(_parameter, options.values()) if name == "given" else [own]
        call.__name__, call.__doc__ = work.__name__, work.__doc__
        call.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
        return call

    return decorate


def _parameter(option: RunOption) -> inspect.Parameter:
    about = option.about
    kind = option.type
    if get_origin(kind) is tuple:
        kind = list[str] if about.repeat else str
    help_text = f"{about.help} Repeat it as often as you need." if about.repeat else about.help
    default = about.default
    if not default and option.default not in (None, (), ""):
        default = f"{option.default:g}" if isinstance(option.default, float) else option.default
    if default:
        help_text = f"{help_text} (default: {default})"
    made = typer.Option(
        *about.spellings, option.flag, help=help_text, metavar=about.metavar, min=about.least
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, made],
    )
