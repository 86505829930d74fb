# Every target sets up what it needs: `make conform` and `make test` work on a fresh clone.
#
#   make conform    hold the embedded server to the text and print the verdict
#   make test       every test, within 15 minutes on two cores
#   make campaign   the long searches
#   make bench      the server beside redis-server and Valkey
#   make setup      the virtual environment, with the core built where a C compiler is
#   make clean      remove what the above made
#
# Options: PYTHON=python3.12, CONFORM="redis:8.2 --budget 20", TESTS="tests/spec -k loader", BENCH="--quick"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFORM ?=
TESTS ?=
BENCH ?=

CORE := $(wildcard server/core/*.pyx server/core/*.pxi server/core/*.pxd server/core/*.h)
PYTEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup conform test campaign bench clean

help:
	@sed -n '/^#  /s/^#//p' Makefile

setup: $(VENV)/core.stamp

$(VENV)/tools.stamp:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77" "cython>=3.1"
	@touch $@

# The build runs in this environment (no isolation), so that the core is compiled against tools fetched once.
$(VENV)/install.stamp: pyproject.toml $(VENV)/tools.stamp
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[test]"
	@touch $@

$(VENV)/core.stamp: setup.py $(CORE) $(VENV)/install.stamp
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(VENV)/bench.stamp: $(VENV)/core.stamp
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[test,bench]"
	@touch $@

conform: setup
	$(BIN)/redlark conform $(CONFORM)

test: setup
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup -m "not campaign" $(TESTS)

campaign: setup
	$(BIN)/python -m pytest -m campaign $(TESTS)

bench: $(VENV)/bench.stamp
	$(BIN)/python -m bench $(BENCH)

clean:
	rm -rf $(VENV) build dist *.egg-info server/_core*.so server/core/core.c
