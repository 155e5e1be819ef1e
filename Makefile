# Two commands are enough: `make run` trains and judges all three stages, `make test` runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
INSTALL := $(BIN)/pip install --quiet --constraint constraints.txt --editable
# Neighbours stay in one process, which makes their fixtures only once.
SIDE_BY_SIDE := -n 2 --dist worksteal
ALL_EXTRAS := bench,browser,carla,dask,dev,gpu,run

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test test-carla test-browser check format lint types imports docs fault-bench recipe-bench foresight certainty regress-bench fault-matrix command-matrix carla-faults test-slow bench bench-short constraints clean

help:  ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 14) else f"gonogo needs Python 3.10 to 3.14, {sys.executable} is {v[0]}.{v[1]}: run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[run]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) '.[dev]'
	@touch $@

install: $(VENV)/installed  ## Create .venv and install the product
install-dev: $(VENV)/installed-dev  ## Install also what tests and checks need

run: install  ## Train and judge 5K, 50K and up to 1M steps; more options: make run ARGS="--preset drive-84"
	$(BIN)/gonogo run --on-plateau stop $(ARGS)

test: install-dev  ## Run the default tests (4 minutes on two cores; three at a time, since some wait)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not slow and not browser and not carla and not gpu" $(ARGS)

test-carla: install-dev  ## Run the tests with CARLA's genuine client (ARGS="--carla-host HOST" for a real server)
	$(INSTALL) '.[dev,carla]'
	$(BIN)/python -m pytest $(if $(findstring --carla-host,$(ARGS)),,$(SIDE_BY_SIDE)) -m carla $(ARGS)

test-slow: install-dev  ## Run the slow tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow $(ARGS)

test-browser: install-dev  ## Run the tests that drive the cockpit in Chromium
	$(INSTALL) '.[dev,browser]'
	$(BIN)/python -m pytest -m browser $(ARGS)

check: lint types imports test  ## Format, lint, types, import contracts and tests

format: install-dev  ## Format the source
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: install-dev  ## Check format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/hadolint Dockerfile

types: install-dev  ## Check types
	$(BIN)/mypy

imports: install-dev  ## Check the import contracts
	$(BIN)/lint-imports

bench: install-dev  ## Time the product beside its peers and write the table of docs/performance.md
	$(INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks --write docs/performance.md $(ARGS)

bench-short: install-dev  ## Only show that every benchmark runs
	$(INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks --short $(ARGS)

fault-bench: install-dev  ## Train sound and faulty runs, judge them, write docs/fault-bench.md's table
	$(BIN)/python tests/fault_bench/bench.py --out runs/fault-bench --table docs/fault-bench.md $(ARGS)

recipe-bench: install-dev  ## Train recipes drawn at random, judge them, write docs/recipe-bench.md's table
	$(BIN)/python tests/recipe_bench/bench.py --out runs/recipe-bench --table docs/recipe-bench.md $(ARGS)

foresight: install-dev  ## Train a part of them on, and write what verdicts and signs foretell to docs/foresight.md
	$(BIN)/python -m tests.recipe_bench.foresight --train --runs runs/recipe-bench --unjudged runs/foresight \
	  --page docs/foresight.md --plot docs/images/foresight.png $(ARGS)

certainty: install-dev  ## Simulate whether the probabilities of reports hold, write docs/certainty.md's tables
	$(BIN)/python -m tests.certainty.simulation --table docs/certainty.md $(ARGS)

regress-bench: install-dev  ## Compare the trainer with 20 mistakes and 20 harmless changes, write docs/regress.md's table
	$(BIN)/python tests/regress_bench/bench.py --out runs/regress-bench --table docs/regress.md $(ARGS)

fault-matrix: install-dev  ## Strike a short stage with every fault, write docs/supervision.md's table
	$(BIN)/python tests/fault_matrix/matrix.py --table docs/supervision.md $(ARGS)

command-matrix: install-dev  ## The same to trainers by command, Stable-Baselines3 among them
	$(BIN)/python tests/fault_matrix/commands.py --table docs/supervision.md $(ARGS)

carla-faults: install-dev  ## Break the simulator under a short stage in every way, write docs/carla.md's table
	$(INSTALL) '.[dev,carla]'
	$(BIN)/python tests/carla_faults/table.py --table docs/carla.md $(ARGS)

docs: install-dev  ## Write the tables in docs/ that are generated from code and configuration
	$(BIN)/python -m tests.generate_docs

constraints: install-dev  ## Install the newest versions and write them to constraints.txt; then run the tests
	$(BIN)/pip install --quiet --upgrade --upgrade-strategy eager --editable '.[$(ALL_EXTRAS)]'
	$(BIN)/python tests/generate_constraints.py

clean:  ## Remove the virtual environment and caches, never runs/
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
