# Everything runs from .venv, which each target builds first when it is missing or older than the locks.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
TOOLS := .venv-tools
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --progress-bar off --no-deps
# Wheels whose hashes are locked, nothing else; byte code is compiled when first imported.
FROM_LOCK := $(PIP_INSTALL) --require-hashes --only-binary :all: --no-compile
# pyproject.toml in, one lock for every platform and Python out; no address of any index is written into it.
COMPILE := $(TOOLS)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--only-binary :all: --no-header --no-annotate --quiet $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.runtime ## build .venv from requirements.lock

demo: .venv/.runtime ## run everything on this machine; ARGS="--port 8001 --home DIR"
	$(BIN)/lrgd demo $(ARGS)

test: .venv/.dev ## run the tests; ARGS="tests/unit -k effect"
	$(BIN)/pytest $(ARGS)

check: .venv/.dev ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.dev ## rewrite the files as `make check` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.runtime ## measure answers per second; ARGS="--json FILE"
	$(BIN)/lrgd bench $(ARGS)

lock: $(TOOLS)/.uv ## refresh both locks after a change of pyproject.toml; UPGRADE=--upgrade takes newer versions
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove what was built here; data of `make demo` stays
	rm -rf .venv $(TOOLS) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find app workers migrations tests -type d -name __pycache__ -prune -exec rm -rf {} +

# The interpreter is checked before anything is written: a half-made .venv explains itself badly.
.venv/.base:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lrgd needs Python 3.11 or newer; choose one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "this Python cannot make virtual environments (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.runtime: requirements.lock pyproject.toml | .venv/.base
	$(FROM_LOCK) -r requirements.lock
	$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	$(FROM_LOCK) -r requirements-dev.lock
	@touch $@

$(TOOLS)/.uv:
	$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python -m pip --disable-pip-version-check install --quiet uv
	@touch $@
