# `make demo` and `make test` need Python 3.11, pip and make; everything else goes into .venv.
# Another interpreter: make demo PYTHON=/path/to/python3.12

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= problem=poisson_paper seeds=1
OUT ?= runs/demo
SECONDS ?= 60

# Pinned build tools are installed first and used without build isolation, so that nothing is built by an unpinned tool.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DELETE_ON_ERROR:
.PHONY: help demo test test-all mutants docs fuzz lint benchmark reproduce paper clean

help:
	@echo "make demo       install into $(VENV) and compare a KAN with an MLP on a Poisson problem"
	@echo "make test       install into $(VENV), then ruff, mypy, import-linter and the test suite"
	@echo "make test-all   the same, with the tests that take long"
	@echo "make mutants    plant faults in copies of the code; the tests must see each of them (an hour)"
	@echo "make docs       the documentation as a site in build/site; a broken link is an error"
	@echo "make fuzz       mutated files, tables, checkpoints and command lines for a minute (SECONDS=3600: an hour)"
	@echo "make lint       only ruff, mypy and import-linter"
	@echo "make reproduce  every table and picture of docs/ again (hours)"
	@echo "make paper      the tables and pictures of the KAN paper's claims in docs/ again (hours)"
	@echo "make benchmark  time one optimizer step of a KAN and of an MLP"
	@echo "make clean      remove $(VENV), caches and build products (runs/ is kept)"

$(VENV)/.tools: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "kanpde needs Python 3.11 to 3.13, found: $$($(PYTHON) --version 2>&1); set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet -c constraints.txt \
		pip setuptools wheel hatchling editables
	@touch $@

$(VENV)/.runtime: pyproject.toml constraints.txt $(VENV)/.tools
	$(INSTALL) --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	$(INSTALL) --no-build-isolation -e '.[test]'
	@touch $@

demo: $(VENV)/.runtime
	$(BIN)/kanpde compare $(DEMO) --out $(OUT) --overwrite

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One process per core, each with one thread.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" $(PYTEST)

test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST)

mutants: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m scripts mutants

$(VENV)/.docs: $(VENV)/.runtime
	$(INSTALL) --no-build-isolation -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	$(BIN)/python -m scripts reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Prints its seed; what was refused badly is kept in runs/fuzz, and belongs into tests/corpus once it is mended.
fuzz: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m scripts fuzz --seconds $(SECONDS)

# Hours: every problem at its recommended settings, three seeds of each, tolerances, convergence, intervals of unknown parameters.
reproduce: $(VENV)/.test
	$(BIN)/python -m scripts catalogue --write
	$(BIN)/python -m scripts benchmarks --columns kan,mlp,fem --write
	$(BIN)/python -m scripts tolerances --write
	$(BIN)/python -m scripts convergence --write
	$(BIN)/python -m scripts coverage 100

# Hours: regression tables, scaling laws, bases, continual learning, interpretability, formulas, science examples.
paper: $(VENV)/.test
	$(INSTALL) --no-build-isolation -e '.[science]'
	$(BIN)/python -m scripts paper_tables --columns kan,mlp --write
	$(BIN)/python -m scripts scaling --write
	$(BIN)/python -m scripts poisson_scaling --write
	$(BIN)/python -m scripts bases --write
	$(BIN)/python -m scripts continual --write
	$(BIN)/python -m scripts interpret --write
	$(BIN)/python -m scripts formulas --write
	$(BIN)/python -m scripts formulas_unseen --write
	$(BIN)/python -m scripts knots --write
	$(BIN)/python -m scripts mobility_edge --write

benchmark: $(VENV)/.runtime
	$(BIN)/python -m scripts step_cost

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find kanpde problems tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
