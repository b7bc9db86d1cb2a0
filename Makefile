# The one door of this house: `make help` shows what is behind it.
#
# Every door does its own set-up, and only where something has changed since: Python's parts go into .venv,
# real servers into .tools. Nothing is installed outside of this folder.

.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready
SERVERS := .tools/.ready
CONTRACTS := contracts/node_modules/.ready

# A worker for each core, a file of tests at a time. ARGS="-n 0" runs all in one process, as a debugger wants it.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadscope

# Passed on to the program behind a door, as the examples of `make help` show.
ARGS ?=
SCENARIO ?=

.PHONY: help
help: ## show every door with an example | make
	@awk -f scripts/help.awk Makefile

.PHONY: setup
setup: $(READY) ## prepare .venv and do nothing else | make setup PYTHON=/usr/bin/python3.12

.PHONY: demo
demo: $(READY) ## settle, and see what happens when something fails | make demo SCENARIO=crash
	@$(BIN)/interlock demo $(if $(SCENARIO),--scenario $(SCENARIO)) $(ARGS)

.PHONY: test
test: $(READY) ## run every test that needs Python alone | make test ARGS="tests/unit -k quorum"
	@$(PYTEST) $(ARGS)

.PHONY: test-all
test-all: $(READY) $(SERVERS) $(CONTRACTS) ## run every test, on real servers too, and skip none | make test-all
	@node contracts/build.mjs --check
	@INTERLOCK_ANVIL="$$(cat $(SERVERS))"; export INTERLOCK_ANVIL; \
		PATH="$${INTERLOCK_ANVIL%/*}:$$PATH" $(PYTEST) --no-skips $(ARGS)

.PHONY: check
check: $(READY) ## lint, types, and the walls between the rooms | make check
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## put the sources into their one form | make format
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

.PHONY: spec
spec: $(READY) ## write the tables of the specification from the code | make spec
	@$(BIN)/python scripts/spec.py $(ARGS)

.PHONY: vectors
vectors: $(READY) ## write the golden vectors from the code | make vectors ARGS=--check
	@$(BIN)/python scripts/vectors.py $(ARGS)

.PHONY: contracts
contracts: $(CONTRACTS) ## build the contracts and write their artifacts | make contracts
	@node contracts/build.mjs

.PHONY: clean
clean: ## remove all that the other doors have made | make clean
	@rm -rf .venv .tools contracts/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .coverage htmlcov build dist
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt scripts/setup src/interlock/__init__.py
	@PYTHON="$(PYTHON)" scripts/setup $@

$(SERVERS): scripts/setup-servers
	@scripts/setup-servers $@

$(CONTRACTS): contracts/package.json contracts/package-lock.json
	@scripts/setup-contracts $@
