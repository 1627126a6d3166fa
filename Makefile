# Everything runs in .venv of this clone; nothing outside it is touched.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench bench-embed

BIN := .venv/bin
STAMP := .venv/.setup-done
CHECK := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

# The first interpreter that really starts, is new enough and can make an environment. The pins were checked on 3.11.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c '$(CHECK)' >/dev/null 2>&1 && echo $$name && break; done)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv and install everything, pinned; a second run does nothing

$(STAMP): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "setup: no Python 3.11 or newer (with venv) was found; install one, or run: make setup PYTHON=/path/to/python" >&2; \
		exit 1; fi
	@echo "==> setup: creating .venv with $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "==> setup: installing the pinned packages (several GB the first time: torch brings its GPU libraries)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[weights,fast,dev]'
	@touch $(STAMP)
	@echo "==> setup: done; the command is $(BIN)/tuwen"

demo: setup ## fit, search, tag, recommend and evaluate on a generated sample (into demo-out)
	@echo "==> demo: $(BIN)/tuwen demo"
	@$(BIN)/tuwen demo

test: setup ## run every test
	@echo "==> test: $(BIN)/python -m pytest"
	@$(BIN)/python -m pytest

lint: setup ## check style, format and types
	@echo "==> lint: ruff check"
	@$(BIN)/ruff check .
	@echo "==> lint: ruff format --check"
	@$(BIN)/ruff format --check .
	@echo "==> lint: mypy"
	@$(BIN)/mypy

bench: setup ## measure the tables of benchmarks/RESULTS.md again
	@set -e; for file in benchmarks/[a-z]*.py; do \
		test -e "$$file" || { echo "bench: benchmarks/ holds no script" >&2; exit 1; }; \
		echo "==> bench: $$file"; $(BIN)/python "$$file"; done

bench-embed: setup ## products per second from JPEG files and titles, beside the plain loop
	@echo "==> bench-embed: benchmarks/embed_speed.py"
	@$(BIN)/python benchmarks/embed_speed.py --out benchmarks/out/embed-speed.png
