# What developers and the curious run. Needs make and Python 3.11 or newer, nothing else:
# every target builds the environment it runs in, and builds it again only when its pins change.

PYTHON ?= python3
AIRFLOW ?= 3.3.2
OLDEST := 3.1.8

PINS := constraints/airflow-$(AIRFLOW).txt
ENV := .venv/airflow-$(AIRFLOW)
BIN := $(ENV)/bin
READY := $(ENV)/.ready
MORE :=
PIP := -m pip --quiet --quiet --disable-pip-version-check --no-input

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## run the example DAGs on the sandbox and show what the organizers received
	@$(BIN)/python -m demo

up: $(READY) ## start Airflow with the example DAGs, and the sandbox; UI_PORT and SANDBOX_PORT choose ports
	@$(BIN)/python -m demo.up

test: $(READY) ## run the tests; ARGS="-k gate" goes to pytest
	@$(BIN)/python -m pytest -n 6 --dist loadscope --no-loadscope-reorder $(ARGS)

test-fast: $(READY) ## run the quick tests: without running DAGs, a Cyrus server and the long lists of faults
	@$(BIN)/python -m pytest -n auto --dist loadscope -m "not airflow and not cyrus and not slow" $(ARGS)

test-oldest: ## run the tests that depend on Airflow on the oldest one that is supported
	@$(MAKE) --no-print-directory test AIRFLOW=$(OLDEST) ARGS="-m 'not any_airflow'"

faults: $(READY) ## run every fault at every step, print what became of each reply, write docs/reliability.md
	@PYTHONPATH=tests $(BIN)/python -m support.print_faults

explore: $(READY) ## go through every order of events in which replies can fail, on a model service, and print what was found
	@PYTHONPATH=.:tests $(BIN)/python -m explore

# An environment of its own: what is compared with must not get near the tests.
bench: ## measure the speed side by side with other ways, print it, write docs/benchmarks.md; ARGS="planning" for a part
	@$(MAKE) --no-print-directory benchmarks-in-env ENV=.venv/bench-$(AIRFLOW) MORE=benchmarks/requirements.txt

bench-triggers: $(READY) ## measure a thousand waiting triggers in a triggerer: requests, memory, lag of the event loop
	@$(BIN)/python -m benchmarks.triggers

benchmarks-in-env: $(READY)
	@PYTHONPATH=.:tests $(BIN)/python -m benchmarks $(ARGS)

lint: $(READY) ## check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

clean: ## remove the environments, and all that the targets wrote
	rm -rf .venv .airflow .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist

$(READY): $(PINS) pyproject.toml $(MORE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "This needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)." \
	    "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Preparing $(ENV); the first time, this takes a minute or two ..."
	@# Some systems ship Python without what venv needs; virtualenv brings its own.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(ENV) && \
	  { $(PYTHON) -m venv $(ENV) >/dev/null 2>&1 || { rm -rf $(ENV) && \
	    $(PYTHON) $(PIP) install --upgrade --target .venv/virtualenv virtualenv && \
	    PYTHONPATH=.venv/virtualenv $(PYTHON) -m virtualenv --quiet $(ENV); }; }; }
	@$(BIN)/python $(PIP) install --constraint $(PINS) \
	  apache-airflow==$(AIRFLOW) apache-airflow-providers-standard --editable '.[dev]' $(addprefix --requirement ,$(MORE))
	@touch $@

.PHONY: help demo up test test-fast test-oldest faults explore bench bench-triggers benchmarks-in-env lint clean
.DEFAULT_GOAL := help
