# RSVP: everything a person needs starts here. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Extra words for pytest: make test ARGS="-k waitlist"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test soak pythons bench check lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.development ## make the environment in .venv

run: $(VENV)/.runtime ## a running site on http://127.0.0.1:8000, with demo data if empty
	@$(BIN)/rsvp serve --demo

test: $(VENV)/.development ## the whole suite
	$(BIN)/python -m pytest -n auto -m "not soak" $(ARGS)

soak: $(VENV)/.development ## the long proofs, then the suite under the other Pythons
	$(BIN)/python -m pytest -m soak $(ARGS)
	$(if $(strip $(ARGS)),,@$(MAKE) --no-print-directory pythons)

# Each has an environment of its own: .venv-3.12, .venv-3.13.
PYTHONS = 3.11 3.12 3.13
pythons: $(VENV)/.development ## the suite under each other Python that is found
	@ours=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	for version in $(PYTHONS); do \
	  if [ "$$version" = "$$ours" ]; then continue; fi; \
	  if found=$$(.ci/find-python "$$version"); then \
	    echo "Python $$version: $$found"; \
	    $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON="$$found" || exit 1; \
	  else \
	    echo "skipped: the suite under Python $$version (not found)"; \
	  fi; \
	done

bench: $(VENV)/.development ## pages, registrations and a rush, beside the floor
	$(BIN)/python -m bench $(ARGS)

check: $(VENV)/.development ## lint, formats, types, templates, scripts, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/djlint templates --lint --quiet
	@if [ ! -d tests/js ] || [ -z "$$(ls tests/js/*.test.* 2>/dev/null)" ]; then :; \
	elif command -v node >/dev/null; then node --test tests/js/*.test.*; \
	elif [ -n "$$CI" ]; then echo "node is missing: the scripts' tests need it" >&2; exit 1; \
	else echo "skipped: the scripts' tests (node is not installed)"; fi
	$(PIP) check
	$(BIN)/python -m pytest -q tests/architecture/test_locks.py

# --upgrade, for newer versions: make lock ARGS=--upgrade
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make lock" --group build $(ARGS)

lock: $(VENV)/.development ## write the pinned versions again, after a change of pyproject.toml
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove what can be made again (never the instance folder)
	rm -rf $(VENV) .venv-3.* build dist rsvp.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# --- the environment: plain pip, in two steps, since pip can't check a hash for `-e .` ---

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	|| { echo "RSVP needs Python 3.11 to 3.13: make PYTHON=python3.11 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	echo "Python's venv module is missing (Debian: apt install python3-venv)" >&2; exit 1; }

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what RSVP needs into $(VENV) …"
	@$(PIP) install --quiet -r requirements.lock
	@PYTHONWARNINGS=ignore $(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the tools for tests and checks into $(VENV) …"
	@$(PIP) install --quiet -r requirements-dev.lock
	@touch $@
