# Two commands are all a newcomer needs: `make demo` and `make test`.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
STAMP  := $(VENV)/.made-from-requirements

.PHONY: demo test check lint types contracts env test-tools bench lock clean

demo: $(STAMP)
	@$(BIN)/kctui demo

# Twice as many as cores: the tests wait for time-outs, terminals and AWS in a box about as long as they compute.
WORKERS ?= $(shell expr 2 \* $$(nproc))

test: $(STAMP) test-tools
	$(BIN)/pytest -n $(WORKERS)

check: lint types contracts test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

env: $(STAMP)

$(STAMP): requirements.txt tools/make-env
	@tools/make-env "$(PYTHON)" "$(VENV)"
	@touch $(STAMP)

test-tools:
	@tools/install-test-tools

# Rates of each operation on key material, in software and in soft tokens: docs/bench.md keeps what was measured.
bench: $(STAMP) test-tools
	@$(BIN)/python tools/bench

# Needs uv; run after a change to the dependencies in pyproject.toml.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-header --no-annotate pyproject.toml -o requirements.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
