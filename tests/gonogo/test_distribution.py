"""What is installed where: pinned versions, extras, and the packages that the image gets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from flows.settings.extras import EXTRA_OF
from tests.gonogo.hostile import ROOT

tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML since Python 3.11")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    return {pin.name: pin for pin in found}


def name_of(requirement: Requirement) -> str:
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def test_every_requirement_is_pinned_within_its_range(
    pyproject: dict[str, Any], pins: dict[str, Requirement]
) -> None:
    project = pyproject["project"]
    extras = project["optional-dependencies"].values()
    wanted = [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]
    for requirement in wanted:
        if requirement.name != project["name"]:
            (pin,) = pins[name_of(requirement)].specifier
            assert requirement.specifier.contains(pin.version), requirement


def test_pins_are_exact_and_of_no_build(pins: dict[str, Requirement]) -> None:
    for pin in pins.values():
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert Version(specifier.version).local is None
        assert pin.url is None


def test_an_extra_brings_the_modules_that_it_is_named_for(pyproject: dict[str, Any]) -> None:
    extras = pyproject["project"]["optional-dependencies"]
    by_prefect = {"httpx"}
    for module, extra in EXTRA_OF.items():
        brought = {name_of(Requirement(line)) for line in extras[extra]}
        assert module in by_prefect or module.replace("_", "-") in brought
        core = {name_of(Requirement(line)) for line in pyproject["project"]["dependencies"]}
        assert module.replace("_", "-") not in core


def test_the_image_gets_every_package(pyproject: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for package in pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"COPY --chown=gonogo:gonogo {package} {package}\n" in dockerfile
