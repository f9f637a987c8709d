# Spikeloom: `make demo`, `make test`, `make lint`, `make bench`, `make docs`, `make clean`.
# Everything is installed into VENV, which is made if it is not there: make test VENV=path/to/venv

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
DEMO   ?= build/demo

bin := $(VENV)/bin

.PHONY: demo test lint bench docs clean

demo: $(VENV)/.examples
	mkdir -p $(DEMO)
	$(bin)/python -m examples.digits.samples --out $(DEMO)/digits.npz
	$(bin)/spikeloom build examples/digits/digits.nir --board hx8k-evn --out $(DEMO)/hx8k-evn \
	    --samples $(DEMO)/digits.npz --preset snntorch --dt 1e-3 --weight-bits 4

test: $(VENV)/.test $(VENV)/.pinned
	$(bin)/python -m pytest -n $(JOBS) $(TESTS)

# Types are checked against the packages that tests use, PyTorch among them.
lint: $(VENV)/.test $(VENV)/.lint
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy

bench: $(VENV)/.examples
	$(bin)/python -m spikeloom.bench $(BENCH)

# The pages are plain Markdown; what can be wrong in them is their code and their links.
docs: $(VENV)/.test
	$(bin)/python -m pytest tests/test_docs.py

clean:
	rm -rf build dist .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

$(bin)/python:
	$(PYTHON) -m venv $(VENV)

# Frameworks whose own requirements contradict ours; they are run beside ours in tests.
$(VENV)/.pinned: tests/frameworks/pinned.txt $(VENV)/.test
	$(bin)/python -m pip install --quiet --no-deps --requirement $<
	touch $@

# One stamp per extra: installed once, and again when the dependencies change.
$(VENV)/.%: pyproject.toml | $(bin)/python
	$(bin)/python -m pip install --quiet --editable '.[$*]'
	touch $@
