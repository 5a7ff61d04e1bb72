# Everything a developer or CI runs. `make run` and `make test` need Python 3.11 or later and make, nothing else.
# Environments are made on first use and again when what they are made from changes.

.DEFAULT_GOAL := help
.PHONY: help run test tenants simulate bench check build built first-key redrive clean

VENV := .venv
SAM := .venv-sam
MINISTACK := .venv-ministack
SAM_VERSION := 1.170.0
MINISTACK_VERSION := 1.5.33
REQUIREMENTS := pyproject.toml layers/dependencies/requirements.txt

export AWS_DEFAULT_REGION ?= us-east-1
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call new_environment,folder): makes a virtual environment with the first Python that is new enough.
define new_environment
	@test -x $(1)/bin/pip || { \
		for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
			if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "making $(1) with $$python"; rm -rf $(1); exec "$$python" -m venv $(1); \
			fi; \
		done; \
		echo "Python 3.11 or later is needed; name one with make PYTHON=/path/to/python3" >&2; exit 1; }
endef

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: $(VENV)/.run-stamp ## run the service on this machine (PORT, HOST, DYNAMETER_ENDPOINT; see python -m local --help)
	@exec $(VENV)/bin/python -m local

test: $(VENV)/.test-stamp $(MINISTACK)/.stamp ## run every test, a process a core; ARGS="-k name" narrows
	$(VENV)/bin/python -m pytest -n auto --dist loadfile $(ARGS)

tenants: $(VENV)/.test-stamp ## walk every route with strangers' keys, with each scope missing, and search the logs for secrets
	$(VENV)/bin/python -m pytest tests/unit/http tests/conformance/test_tenants.py

SEED := 1
RUNS := 1000
simulate: $(VENV)/.test-stamp ## seeded histories with faults: make simulate SEED=1 RUNS=10000
	@$(VENV)/bin/python -m tests.simulation --seed $(SEED) --runs $(RUNS)

bench: $(VENV)/.test-stamp $(MINISTACK)/.stamp ## every budget beside its plain alternative, as a table and in bench.json
	@$(VENV)/bin/python -m tests.benchmarks

check: $(VENV)/.test-stamp ## lint, formatting, types and one-way imports
	$(VENV)/bin/ruff check functions layers local tests
	$(VENV)/bin/ruff format --check functions layers local tests
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

# SAM builds the layer with the functions' own Python, which must be on PATH.
define with_python313
	@for folder in "$$(dirname "$$(command -v python3.13 || echo none/none)")" \
			"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin; do \
		if [ -x "$$folder/python3.13" ] && "$$folder/python3.13" -c '' 2>/dev/null; then \
			export PATH="$$folder:$$PATH"; $(1); exit $$?; \
		fi; \
	done; \
	echo "sam build needs python3.13 on PATH (the functions' runtime); install it, e.g. with pyenv or uv" >&2; exit 1
endef

# Compiled files must not get into the library's layer: they would change the package with every run.
define without_compiled_files
	@find functions layers -name __pycache__ -type d -prune -exec rm -rf {} +
endef

# Layers are mounted read-only, so Lambda would compile every module anew in each cold start: more than half of its time.
# Compiled files that are checked by hash, not by time, are the same in every build.
define compiled_layers
PYTHONHASHSEED=0 python3.13 -m compileall -q --invalidation-mode unchecked-hash \
	-s $(1)/DependenciesLayer/python -p /opt/python $(1)/DependenciesLayer/python \
&& PYTHONHASHSEED=0 python3.13 -m compileall -q --invalidation-mode checked-hash \
	-s layers/dynameter/python -p /opt/python layers/dynameter/python
endef

build: $(SAM)/.stamp ## validate the template and build what is deployed
	$(SAM)/bin/sam validate --lint
	$(without_compiled_files)
	$(call with_python313,$(SAM)/bin/sam build && $(call compiled_layers,.aws-sam/build))

MACHINE := $(subst aarch64,arm64,$(shell uname -m))
BUILT := .aws-sam/$(MACHINE)
built: $(SAM)/.stamp ## build for this machine and import every function with only what its layers hold
	$(without_compiled_files)
	$(call with_python313,$(SAM)/bin/sam build --build-dir $(BUILT) --parameter-overrides Architecture=$(MACHINE) \
		&& python3.13 -I -S tests/integration/check_built_functions.py $(BUILT))

first-key: $(VENV)/.run-stamp ## make the first API key of a deployment: make first-key STACK=name [ARGS="--workspace UUID"]
	@test -n "$(STACK)" || { echo "say which stack: make first-key STACK=name" >&2; exit 1; }
	@$(VENV)/bin/python -m dynameter.access.bootstrap --stack "$(STACK)" $(ARGS)

redrive: $(VENV)/.run-stamp ## count what lies in quarantine and failed batches: make redrive STACK=name [ARGS=--list]
	@test -n "$(STACK)" || { echo "say which stack: make redrive STACK=name" >&2; exit 1; }
	@$(VENV)/bin/python -m dynameter.rebuild.redrive_command --stack "$(STACK)" $(ARGS)

clean: ## remove environments, builds and caches
	rm -rf $(VENV) $(SAM) $(MINISTACK) .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		tests/conformance/node/node_modules
	$(without_compiled_files)

$(VENV)/.run-stamp: $(REQUIREMENTS)
	$(call new_environment,$(VENV))
	$(VENV)/bin/pip install -q -r layers/dependencies/requirements.txt -e '.[local,cli]'
	@touch $@

$(VENV)/.test-stamp: $(VENV)/.run-stamp
	$(VENV)/bin/pip install -q -r layers/dependencies/requirements.txt -e '.[local,cli,dev]'
	@touch $@

$(SAM)/.stamp:
	$(call new_environment,$(SAM))
	$(SAM)/bin/pip install -q aws-sam-cli==$(SAM_VERSION)
	@touch $@

# A second DynamoDB for the integration tests; without it they say so and go on.
$(MINISTACK)/.stamp:
	$(call new_environment,$(MINISTACK))
	@if $(MINISTACK)/bin/pip install -q ministack==$(MINISTACK_VERSION); then touch $@; \
		else echo "ministack could not be installed: the integration tests leave it out"; fi
