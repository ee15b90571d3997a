# Everything runs in .venv, which holds exactly what lockfiles/dev.txt says.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# `pip install --target` works on a bare machine, with or without venv and ensurepip.
UV := PYTHONPATH=.bootstrap $(PYTHON) -m uv

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
