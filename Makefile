# Everything runs in .venv, which holds exactly what lockfiles/dev.txt says.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# `pip install --target` works on a bare machine, with or without venv and ensurepip.
UV := PYTHONPATH=.bootstrap $(PYTHON) -m uv
# As pyproject.toml pins it.
UV_VERSION = $(shell sed -n "s/.*uv==\([0-9.]*\).*/\1/p" pyproject.toml)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.bootstrap/.done: lockfiles/bootstrap.txt
	$(PYTHON) -m pip install --quiet --upgrade --require-hashes --target .bootstrap -r lockfiles/bootstrap.txt
	@touch $@

.venv/.done: .bootstrap/.done lockfiles/dev.txt pyproject.toml
	$(UV) venv --quiet --allow-existing .venv
	$(UV) pip sync --quiet --python .venv --require-hashes lockfiles/dev.txt
	$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

install: .venv/.done ## install everything into .venv, from the hash-pinned lock

# Where the loopback engine was brought up, its addresses; where another engine is, nothing to set.
ENGINE_ENV := $(or $(ENGINE_HOME),/var/tmp/cogfreeze-engine)/env
WITH_ENGINE := if [ -z "$$DOCKER_HOST" ] && [ -f $(ENGINE_ENV) ]; then source $(ENGINE_ENV); fi;

demo: install ## the whole line on a real model: lock, Dockerfile, prediction; image where Docker answers
	@$(WITH_ENGINE) PATH="$(CURDIR)/.venv/bin:$$PATH" examples/ocr/demo.sh $(CURDIR)/.cog/demo

# One test process per core; tests that share a fixture stay in one process.
PARALLEL := -n auto --dist loadscope

test: install ## run all tests; those that need Docker are skipped where there is none
	@$(WITH_ENGINE) .venv/bin/python -m pytest $(PARALLEL)

test-quick: install ## run the tests of functions and records: no Docker, no server, no browser, nothing slow
	.venv/bin/python -m pytest -q $(PARALLEL) -m "not engine and not slow" tests/unit tests/property tests/golden tests/review

check: install ## format, lint, strict types, import rules, golden files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/unit/test_imports.py tests/unit/test_rooms.py tests/golden

golden: install ## regenerate the golden files; review the diff
	.venv/bin/python -m pytest -q tests/golden --golden-update

bench: install ## measure against peers: locks, rebuilds, serving (twenty minutes; serving needs wrk)
	@$(WITH_ENGINE) .venv/bin/python -m benchmarks.lock --write
	@$(WITH_ENGINE) .venv/bin/python -m benchmarks.build --write
	.venv/bin/python -m benchmarks.server --write docs/benchmarks.md

bench-quick: install ## try out what measures locks and serving, in two minutes; writes nothing
	.venv/bin/python -m benchmarks.lock --quick
	.venv/bin/python -m benchmarks.server --quick

repro: install ## build projects with what people install twice, and compare (an hour; NAMES= for some)
	@$(WITH_ENGINE) .venv/bin/python -m benchmarks.repro $(NAMES)

soak: install ## ten minutes (MINUTES=) of everything at once: memory and open files stay flat
	.venv/bin/python -m tests.soak $(or $(MINUTES),10)

base-images: install ## ask the registry again for every base image that we know by heart
	.venv/bin/python -m cogfreeze.maintenance.base_images

lockfiles: install ## resolve our own closures anew
	echo 'uv==$(UV_VERSION)' | $(UV) pip compile - -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -o lockfiles/bootstrap.txt
	$(UV) pip compile pyproject.toml --group dev -q --universal --generate-hashes --python-version 3.11 --no-header -o lockfiles/dev.txt
	$(UV) pip compile benchmarks/server/coglet.in -q --universal --generate-hashes --python-version 3.11 --no-header -o benchmarks/server/coglet.txt
	.venv/bin/python -m cogfreeze.maintenance.runtime_lockfiles --upgrade

clean: ## remove what make made
	rm -rf .venv .bootstrap dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help install demo test test-quick check golden bench bench-quick repro soak base-images lockfiles clean
