"""Presets, compose file and documents of CARLA agree with each other and with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from trainer.envs.carla.config import CarlaConfig, CarlaServerConfig
from trainer.envs.carla.server import server_command
from trainer.envs.drive.config import STEP_S

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "carla.md").read_text(encoding="utf-8")
SERVICE_KEYS = {
    "build", "command", "depends_on", "deploy", "entrypoint", "environment", "healthcheck",
    "image", "init", "ports", "restart", "stop_grace_period", "volumes",
}  # fmt: skip
"""Keys of a service in the Compose specification, as far as we use them."""


def preset(name):
    return yaml.safe_load((ROOT / "config" / "presets" / f"{name}.yaml").read_text("utf-8"))


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


def test_carla_has_the_recipe_of_drive_84_and_looks_as_many_seconds_ahead():
    carla, drive = preset("carla"), preset("drive-84")
    ahead_s = [
        step_s / (1.0 - found["train"].pop("gamma"))
        for found, step_s in ((carla, CarlaConfig(**carla["env"]).step_s), (drive, STEP_S))
    ]
    assert ahead_s == pytest.approx([2.0, 2.0])
    assert carla["train"] == drive["train"]


def test_the_double_is_the_same_preset_but_for_the_server():
    real, double = preset("carla"), preset("carla-double")
    assert double["train"] == real["train"]
    only_there = {"server", "traffic"}
    configs = [CarlaConfig(**found["env"]).model_dump() for found in (real, double)]
    differing = {key for key in configs[0] if configs[0][key] != configs[1][key]}
    assert differing == only_there
    assert CarlaConfig(**real["env"]).server == CarlaServerConfig()
    assert CarlaConfig(**real["env"]).other_vehicles == 20


def test_compose_file_is_well_formed():
    content = compose()
    assert set(content) == {"name", "services", "volumes"}
    services = content["services"]
    assert set(services) == {"carla", "prefect", "trainer"}
    for service in services.values():
        assert set(service) <= SERVICE_KEYS
        assert ("image" in service) != ("build" in service)
        assert set(service.get("depends_on", {})) <= set(services)
        for need in service.get("depends_on", {}).values():
            assert need["condition"] in ("service_started", "service_healthy")
        for part in (*service.get("command", []), *service.get("entrypoint", [])):
            assert isinstance(part, str)
        for value in service.get("environment", {}).values():
            assert isinstance(value, str), "YAML must not turn it into another type"
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), "nothing is open to the network"
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in content["volumes"]
    assert "healthcheck" in services["prefect"]


def test_compose_file_builds_what_the_dockerfile_has():
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    for service in ("prefect", "trainer"):
        build = compose()["services"][service]["build"]
        assert f" AS {build['target']}\n" in dockerfile
        for argument in build["args"]:
            assert f"ARG {argument}=" in dockerfile


def test_compose_file_starts_the_server_that_the_trainer_asks_for():
    services = compose()["services"]
    server = CarlaServerConfig(start="container")
    assert services["carla"]["image"] == server.image
    assert services["carla"]["command"] == server_command(server, 2000)[-4:]
    command = services["trainer"]["command"]
    assert "env.server.host=carla" in command
    assert command[command.index("--preset") + 1] == "carla"
    assert preset("carla")["env"]["server"]["ports"] == [2000]


def test_document_names_what_there_is():
    for start in ("connect", "command", "container"):
        assert f"`{start}`" in DOCUMENT
    assert CarlaServerConfig().image in DOCUMENT
    fields = set(CarlaConfig.model_fields) | set(CarlaServerConfig.model_fields)
    assert {"scenario", "ticks_per_step", "traffic", "restart_every_episodes"} <= fields
    for page in re.findall(r"\]\(([\w-]+\.md)\)", DOCUMENT):
        assert (ROOT / "docs" / page).is_file()
