# Every target sets up what it needs: `make conform` and `make test` work on a fresh clone.
#
#   make conform     hold the embedded server to the text and print the verdict
#   make test        every test, within 15 minutes on two cores
#   make campaign    the long searches, an hour of them
#   make fuzz        bytes that atheris draws, to both cores, the compiled one with sanitizers
#   make soak        ten minutes of mixed traffic at full load, and memory back to where it was
#   make bench       the server beside redis-server and Valkey
#   make generated   write anew what is derived from the text and kept in the tree
#   make power       write docs/results/power.md: how soon each of some 300 seeded mistakes is found (half an hour; goes on where it was interrupted)
#   make versions    write docs/versions.md: what differs between versions, as real servers show it (minutes)
#   make docs        the site of the documents, in build/site
#   make setup       the virtual environment, with the core built where a C compiler is
#   make clean       remove what the above made
#
# Options: PYTHON=python3.12, CONFORM="redis:8.2 --budget 20", TESTS="tests/spec -k loader", BENCH="--quick",
# FUZZ="--seconds 600", SOAK="--minutes 1", CAMPAIGN_MINUTES=10 for all searches together, CAMPAIGN_SEED=7 to draw again what was drawn

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP = PYTHONWARNINGS=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet
CONFORM ?=
TESTS ?=
BENCH ?=
FUZZ ?=
SOAK ?=
CAMPAIGN_MINUTES ?= 60
CAMPAIGN_SEED ?=

NODE := tests/clients/node/node_modules/.package-lock.json
CORE := $(wildcard server/core/*.pyx server/core/*.pxi server/core/*.pxd server/core/*.h)
PYTEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup conform test campaign fuzz soak bench generated power versions docs clean

help:
	@sed -n '/^#  /s/^#//p' Makefile

setup: $(VENV)/core.stamp $(NODE)

$(VENV)/tools.stamp:
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Redlark needs Python 3.11 or later; give one by PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip "setuptools>=77" "cython>=3.1"
	@touch $@

# The build runs in this environment (no isolation), so that the core is compiled by tools fetched once.
$(VENV)/install.stamp: pyproject.toml $(VENV)/tools.stamp
	@echo "Installing Redlark and what its tests need ..."
	@$(PIP) install --no-build-isolation --editable ".[test]"
	@touch $@

# A core that is older than its sources must not be left to pass for them when it cannot be compiled.
$(VENV)/core.stamp: setup.py $(CORE) $(VENV)/install.stamp
	@echo "Compiling the server's core ..."
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@for source in $(CORE); do [ "$$source" -nt server/_core*.so ] && rm -f server/_core*.so; done; true
	@$(BIN)/python -c 'import redlark.server._core' 2>/dev/null || \
	    echo "No compiled core (it takes a C compiler and Python.h): the server will run in plain Python, slower."
	@touch $@

# Tests of clients and programs of Node.js; without it they are skipped. Nothing of the packages is run to install them.
$(NODE): tests/clients/node/package-lock.json
	@if command -v npm >/dev/null; then \
	    echo "Installing what the tests of Node.js clients need ..."; \
	    (cd tests/clients/node && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules/.package-lock.json) || \
	    echo "npm ci has failed: the tests of Node.js clients will be skipped."; \
	fi

$(VENV)/bench.stamp: $(VENV)/core.stamp
	@$(PIP) install --no-build-isolation --editable ".[test,bench]"
	@touch $@

conform: setup
	$(BIN)/redlark conform --budget 45 $(CONFORM)

# The same tests draw the same every time: sets have one order here, and that of their process in campaigns.
test: setup
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup -m "not campaign" --durations=10 $(TESTS)

campaign: setup
	$(BIN)/python -m pytest -m campaign --hypothesis-profile=campaign \
	    --campaign-minutes=$(CAMPAIGN_MINUTES) $(if $(CAMPAIGN_SEED),--campaign-seed=$(CAMPAIGN_SEED)) $(TESTS)

$(VENV)/fuzz.stamp: $(VENV)/core.stamp
	@$(PIP) install --no-build-isolation --editable ".[test,fuzz]"
	@touch $@

fuzz: $(VENV)/fuzz.stamp
	$(BIN)/python -m tests.fuzz $(FUZZ)

soak: setup
	$(BIN)/python -m tests.load $(SOAK)

bench: $(VENV)/bench.stamp
	$(BIN)/python -m tests.bench $(BENCH)

power: setup
	$(BIN)/python -m tests.quality --seed 1 --workers 2

generated: setup
	$(BIN)/python -m redlark.spec.metadata

versions: setup
	$(BIN)/python -m redlark.conformance.differences.versions_page

$(VENV)/docs.stamp: $(VENV)/install.stamp
	@$(PIP) install --no-build-isolation --editable ".[test,docs]"
	@touch $@

docs: $(VENV)/docs.stamp
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf $(VENV) build dist *.egg-info server/_core*.so server/core/core.c tests/clients/node/node_modules
