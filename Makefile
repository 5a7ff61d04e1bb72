# Everything a developer or CI runs. `make run` and `make test` need Python 3.11 or later and make, nothing else.
# Environments are made on first use and again when what they are made from changes.

.DEFAULT_GOAL := help
.PHONY: help run test tenants simulate bench check build built smoke first-key redrive restore purge clean

VENV := .venv
SAM := .venv-sam
MINISTACK := .venv-ministack
SMOKE := .venv-smoke
RUNTIME := .venv-runtime
TOOLS := .venv-tools
LAYER_LOCK := layers/dependencies/requirements.txt

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

# $(call install,folder,lock): installs what a lock names, if every file has one of the lock's hashes. Wheels alone: nothing
# is built, so no package's own program runs. A lock is whole, so pip need not look for what packages need.
install = $(1)/bin/pip install -q --no-deps --require-hashes -r requirements/$(2).txt

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

.PHONY: schemathesis fuzz
schemathesis: $(VENV)/.test-stamp ## every operation of the OpenAPI documents, asked well and badly: EXAMPLES=100 SEED=1 [DIALECT=zuplo]
	@$(VENV)/bin/python -m tests.abuse --seed $(SEED) --examples $(or $(EXAMPLES),100) $(if $(DIALECT),--dialect $(DIALECT))

fuzz: $(VENV)/.test-stamp ## bodies, paths, headers, keys, cursors, expressions, stream records that nobody sends: EXAMPLES=2000 SEED=1
	@echo "seed $(SEED), $(or $(EXAMPLES),2000) examples a test"
	@DYNAMETER_FUZZ_EXAMPLES=$(or $(EXAMPLES),2000) $(VENV)/bin/python -m pytest -n auto --dist loadfile \
		--hypothesis-seed=$(SEED) tests/abuse/fuzz

bench: $(VENV)/.test-stamp $(MINISTACK)/.stamp ## every budget beside its plain alternative, as a table and in bench.json
	@$(VENV)/bin/python -m tests.benchmarks

check: $(VENV)/.test-stamp ## lint, formatting, types and one-way imports
	$(VENV)/bin/ruff check deployment functions layers local requirements tests
	$(VENV)/bin/ruff format --check deployment functions layers local requirements tests
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

# Given a lock, SAM compares hashes of what it downloads for its own processor, and asks for another processor's wheels by name
# alone. So both kinds are downloaded and compared here, and its pip has these files and no index. Quiet, because from the name
# of a local file in pip's output SAM would conclude that it has to be built.
WHEELS := .aws-sam/wheels
SAM_BUILD = PIP_NO_INDEX=1 PIP_FIND_LINKS="$(CURDIR)/$(WHEELS)" PIP_QUIET=1 $(SAM)/bin/sam build
VERIFIED_DOWNLOAD = python3.13 -m pip download -q --require-hashes --no-deps -r $(LAYER_LOCK) -d $(WHEELS)

$(WHEELS)/.stamp: $(LAYER_LOCK)
	@rm -rf $(WHEELS)
	@mkdir -p $(WHEELS)
	$(call with_python313,$(VERIFIED_DOWNLOAD) && for machine in aarch64 x86_64; do \
		$(VERIFIED_DOWNLOAD) --implementation cp --python-version 3.13 --abi cp313 \
			--platform manylinux2014_$$machine --platform manylinux_2_28_$$machine || exit 1; done)
	@touch $@

FOLDER := .aws-sam/build
build: $(SAM)/.stamp $(WHEELS)/.stamp ## validate the template and build what is deployed
	$(SAM)/bin/sam validate --lint
	$(without_compiled_files)
	$(call with_python313,$(SAM_BUILD) --build-dir $(FOLDER) && $(call compiled_layers,$(FOLDER)))

MACHINE := $(subst aarch64,arm64,$(shell uname -m))
BUILT := .aws-sam/$(MACHINE)
built: $(SAM)/.stamp $(WHEELS)/.stamp ## build for this machine and import every function with only what its layers hold
	$(without_compiled_files)
	$(call with_python313,$(SAM_BUILD) --build-dir $(BUILT) --parameter-overrides Architecture=$(MACHINE) \
		&& $(call compiled_layers,$(BUILT)) \
		&& python3.13 -I -S tests/integration/check_built_functions.py $(BUILT) && touch $(BUILT)/.stamp)

# What make built left is used again, unless what it was built from has changed since.
SOURCES = $(shell find functions layers template.yaml -type f -not -path '*/__pycache__/*')
$(BUILT)/.stamp: $(SOURCES)
	@$(MAKE) --no-print-directory built

smoke: $(VENV)/.test-stamp $(if $(STACK),,$(SMOKE)/.stamp $(BUILT)/.stamp) ## deploy the build to ministack and use it; make smoke STACK=name uses a stack of your account
	@DYNAMETER_SMOKE_BUILD=$(BUILT) DYNAMETER_SMOKE_STACK="$(STACK)" $(VENV)/bin/python -m pytest -rs tests/integration/deployment

.PHONY: runtime
runtime: $(VENV)/.test-stamp $(SAM)/.stamp $(RUNTIME)/.stamp $(MINISTACK)/.stamp $(BUILT)/.stamp ## every payload of events/ through the build, in Lambda's own runtime; sizes and start-up times
	@DYNAMETER_BUILD=$(BUILT) $(VENV)/bin/python -m pytest -rs tests/integration/runtime

$(FOLDER)/template.yaml: $(SOURCES)
	@$(MAKE) --no-print-directory build

# .aws-sam/again stays, for whoever wants to see what differs.
.PHONY: reproducible
reproducible: $(FOLDER)/template.yaml ## build once more and compare every file
	@$(MAKE) --no-print-directory build FOLDER=.aws-sam/again
	@diff -r $(FOLDER) .aws-sam/again && echo "both builds hold the same files"

.PHONY: policies deploy remove
policies: $(SAM)/.stamp ## check the roles that the template becomes, and that all that is deployed comes to life
	@$(SAM)/bin/python -m deployment.policies
	@$(SAM)/bin/python -m deployment.versions

ENV := dev
deploy: build $(VENV)/.run-stamp ## build and deploy: make deploy ENV=dev|prod [STACK=name] [PARAMETERS="A=1 B=2"] [ARGS=…]
	@$(VENV)/bin/python -m deployment.deploy --env "$(ENV)" --stack "$(STACK)" --parameters "$(PARAMETERS)" \
		--build "$(FOLDER)" --sam $(SAM)/bin/sam -- $(ARGS)

remove: $(VENV)/.run-stamp $(SAM)/.stamp ## remove a stack: make remove STACK=name [DATA=delete] [CONFIRM=name]
	@test -n "$(STACK)" || { echo "say which stack: make remove STACK=name" >&2; exit 1; }
	@$(VENV)/bin/python -m deployment.remove --stack "$(STACK)" --data "$(or $(DATA),keep)" --confirm "$(CONFIRM)" \
		--sam $(SAM)/bin/sam

first-key: $(VENV)/.run-stamp ## make the first API key of a deployment: make first-key STACK=name [ARGS="--workspace UUID"]
	@test -n "$(STACK)" || { echo "say which stack: make first-key STACK=name" >&2; exit 1; }
	@$(VENV)/bin/python -m dynameter.operations.first_key --stack "$(STACK)" $(ARGS)

redrive: $(VENV)/.run-stamp ## count what lies in quarantine and failed batches: make redrive STACK=name [ARGS=--list]
	@test -n "$(STACK)" || { echo "say which stack: make redrive STACK=name" >&2; exit 1; }
	@$(VENV)/bin/python -m dynameter.operations.redrive --stack "$(STACK)" $(ARGS)

restore: $(VENV)/.run-stamp ## put back what a table has lost: make restore STACK=name TABLE=events|usage|catalog FROM=table
	@test -n "$(STACK)" -a -n "$(TABLE)" -a -n "$(FROM)" || { echo "say what: make restore STACK=name TABLE=events|usage|catalog FROM=table" >&2; exit 1; }
	@$(VENV)/bin/python -m dynameter.operations.restore --stack "$(STACK)" --table "$(TABLE)" --from "$(FROM)" $(ARGS)

# make lock UPGRADE=--upgrade takes newer versions of everything, UPGRADE="--upgrade-package boto3" of one; without it, versions
# stay as they are where they may.
LOCK = $(TOOLS)/bin/uv pip compile -q $(UPGRADE) --universal --python-version 3.11 --only-binary :all: --emit-build-options \
	--generate-hashes --custom-compile-command 'make lock'
.PHONY: lock audit
lock: $(TOOLS)/.stamp ## lock dependencies anew, after a change of pyproject.toml or requirements/*.in; UPGRADE=--upgrade
	$(LOCK) pyproject.toml -o $(LAYER_LOCK)
	$(LOCK) pyproject.toml requirements/build.in --extra local --extra cli -c $(LAYER_LOCK) -o requirements/run.txt
	$(LOCK) pyproject.toml requirements/build.in --all-extras -c requirements/run.txt -o requirements/test.txt
	@for name in $(patsubst requirements/%.in,%,$(filter-out %/build.in,$(wildcard requirements/*.in))); do \
		$(LOCK) requirements/$$name.in -o requirements/$$name.txt || exit 1; done

audit: $(TOOLS)/.stamp ## look every locked version up in databases of known vulnerabilities; ARGS=--no-service-is-fine
	@$(TOOLS)/bin/python -m requirements.audit $(ARGS)

purge: $(VENV)/.run-stamp ## count usage rows that nobody reads any more: make purge STACK=name [ARGS=--delete]
	@test -n "$(STACK)" || { echo "say which stack: make purge STACK=name" >&2; exit 1; }
	@$(VENV)/bin/python -m dynameter.operations.purge --stack "$(STACK)" $(ARGS)

clean: ## remove environments, builds and caches
	rm -rf $(VENV) $(SAM) $(MINISTACK) $(SMOKE) $(RUNTIME) $(TOOLS) .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		tests/conformance/node/node_modules
	$(without_compiled_files)

$(VENV)/.run-stamp: pyproject.toml requirements/run.txt
	$(call new_environment,$(VENV))
	$(call install,$(VENV),run)
	$(VENV)/bin/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test-stamp: $(VENV)/.run-stamp requirements/test.txt
	$(call install,$(VENV),test)
	@touch $@

$(SAM)/.stamp: requirements/sam.txt
	$(call new_environment,$(SAM))
	$(call install,$(SAM),sam)
	@touch $@

$(TOOLS)/.stamp: requirements/tools.txt
	$(call new_environment,$(TOOLS))
	$(call install,$(TOOLS),tools)
	@touch $@

# A second DynamoDB for the integration tests; without it they say so and go on.
$(MINISTACK)/.stamp: requirements/ministack.txt
	$(call new_environment,$(MINISTACK))
	@if $(call install,$(MINISTACK),ministack); then touch $@; \
		else echo "ministack could not be installed: the integration tests leave it out"; fi

# A ministack that deploys: it runs functions in its own Python, which must be theirs.
$(SMOKE)/.stamp: requirements/smoke.txt
	$(call with_python313,rm -rf $(SMOKE) && python3.13 -m venv $(SMOKE) && $(call install,$(SMOKE),smoke) && touch $@)

# What Lambda's managed runtime runs a function with.
$(RUNTIME)/.stamp: requirements/runtime.txt
	$(call with_python313,rm -rf $(RUNTIME) && python3.13 -m venv $(RUNTIME) && $(call install,$(RUNTIME),runtime) && touch $@)
