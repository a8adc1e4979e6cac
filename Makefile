# Everything that people and machines do with this tree. `make help` lists it.
# Needed beforehand: Python 3.11 or newer with venv, a Rust toolchain, make. Node.js is optional.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
WHEEL_ENV := $(CURDIR)/build/wheel-env
STAMPS := build/stamps
CARGO := cargo
MANIFEST := --manifest-path native/Cargo.toml
DOCS := build/docs
KILLS ?= 200
DRILLS ?= 4
ORDERS ?= 3
TESTS ?= tests
PYTEST_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYO3_PYTHON := $(BIN)/python

CODE := $(wildcard meshaid examples benchmarks tests tools docs/conf.py)
NATIVE_FILES := $(shell find native -path native/target -prune -o -type f -print 2>/dev/null)
PACKAGE_FILES := $(shell find meshaid -name __pycache__ -prune -o -name '*.so' -prune -o -type f -print)

.PHONY: help demo develop test lint contracts types native-checks docs wheel-test coverage kill drill bench \
	format lock reference clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: develop ## build what is missing, then run the main job on this one computer
	$(BIN)/python examples/demo.py

develop: $(STAMPS)/native ## an environment in .venv to work in, with the native module built

# The order is cheap first; pytest comes last, so that its closing line ends the output.
test: lint contracts types native-checks docs demo wheel-test ## all checks and tests, as CI runs them

lint: $(STAMPS)/venv ## format and lint
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/flake8-async --enable=ASYNC1,ASYNC2 --disable=ASYNC109,ASYNC114 $$(find meshaid examples -name '*.py')
	$(BIN)/codespell
	$(BIN)/python tools/news.py
	$(BIN)/python tools/make_tables.py --check

contracts: $(STAMPS)/venv ## imports point down, core/ stays pure
	$(BIN)/lint-imports --no-logo

types: $(STAMPS)/venv ## mypy --strict
	$(BIN)/mypy --strict

native-checks: $(STAMPS)/venv ## the Rust module: format, clippy, tests
	$(CARGO) fmt --check $(MANIFEST)
	$(CARGO) clippy --quiet --all-targets --locked $(MANIFEST) -- -D warnings
	$(CARGO) test --quiet --locked $(MANIFEST)

reference: develop ## write docs/reference/*.md and docs/pictures/*.svg anew from the code
	$(BIN)/python tools/reference.py
	$(BIN)/python tools/pictures.py
	$(BIN)/python tools/screens.py

docs: develop ## the manual in build/docs, warnings as errors
	$(BIN)/python tools/reference.py --check
	$(BIN)/python tools/make_dictionary.py --check
	$(BIN)/python tools/pictures.py --check
	$(BIN)/python tools/screens.py --check
	$(BIN)/python -m sphinx -W --keep-going -q -E -b html docs $(DOCS)/html

wheel-test: $(STAMPS)/wheel $(STAMPS)/js ## the Python tests, against the installed wheel
	@rm -rf build/run && mkdir -p build/run
	@cd build/run && MESHAID_INSTALLED=1 $(WHEEL_ENV)/bin/pytest \
		-c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) \
		-o cache_dir=$(CURDIR)/build/run/cache $(PYTEST_ARGS) $(addprefix $(CURDIR)/,$(TESTS))

coverage: develop ## which lines and branches of core/ its own tests reach
	cd build && rm -f .coverage* && $(BIN)/coverage run --rcfile $(CURDIR)/pyproject.toml \
		-m pytest -q -c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) $(CURDIR)/tests/core
	cd build && $(BIN)/coverage combine -q && $(BIN)/coverage report \
		--rcfile $(CURDIR)/pyproject.toml --include '*/meshaid/core/*'

kill: develop ## kill real nodes at KILLS=200 random moments
	$(BIN)/pytest -m kill --kills $(KILLS) --timeout 7200 -s

drill: develop ## play DRILLS=4 drills through the command line, in ORDERS=3 orders of meetings each
	$(BIN)/python -m tests.net.drill_check --drills $(DRILLS) --orders $(ORDERS)

bench: develop ## figures, not tests
	$(BIN)/python -m benchmarks

format: $(STAMPS)/venv ## put the code into its one format
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(CARGO) fmt $(MANIFEST)

lock: $(STAMPS)/venv ## write requirements/*.txt anew from pyproject.toml
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/python tools/lock.py

clean: ## remove all that was built, the environments too
	rm -rf .venv build dist docs/_build native/target tests/js/node_modules meshaid/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- files that say what is built already

$(STAMPS)/venv: requirements/dev.txt
	@if [ -z "$(PYTHON)" ]; then echo "meshaid needs Python 3.11 or newer: install it, or say" \
		"make PYTHON=/path/to/python" >&2; exit 1; fi
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" # maturin develop asks for --group
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements/dev.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/native: $(STAMPS)/venv pyproject.toml $(NATIVE_FILES)
	@command -v $(CARGO) >/dev/null || { echo "meshaid needs a Rust toolchain (1.90 or newer) to" \
		"build its native module: see https://rustup.rs" >&2; exit 1; }
	PIP_QUIET=1 PIP_NO_DEPS=1 VIRTUAL_ENV=$(VENV) $(BIN)/maturin develop --release --quiet
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/wheel-env: requirements/test.txt
	@rm -rf $(WHEEL_ENV) && $(PYTHON) -m venv $(WHEEL_ENV)
	$(WHEEL_ENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements/test.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/wheel: $(STAMPS)/venv $(STAMPS)/wheel-env pyproject.toml README.md LICENSE NOTICE \
		$(NATIVE_FILES) $(PACKAGE_FILES)
	@rm -rf build/wheels
	$(BIN)/maturin build --release --quiet --out build/wheels
	$(WHEEL_ENV)/bin/python -m pip install --quiet --no-index --no-deps --force-reinstall \
		build/wheels/meshaid-*.whl
	@touch $@

# A second Automerge, from another language, reads what `meshaid export` writes.
$(STAMPS)/js: tests/js/package.json tests/js/package-lock.json
	@if command -v npm >/dev/null; then cd tests/js && npm ci --silent; \
		else echo "no Node.js here: the tests with @automerge/automerge will be skipped"; fi
	@mkdir -p $(STAMPS) && touch $@
