# Each target installs what it needs. Python 3.11 or newer has to be there; for tests and benchmarks,
# `make system` finds or installs the rest on Debian.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo lab test lint bench system labextension clean

demo: $(STAMP)
	$(BIN)/workbench demo

lab: $(STAMP)
	$(BIN)/workbench demo --lab

# Most of the tests wait for servers and browsers: two at a time, each module by one of them. Each
# time in another order; make test ORDER=<number> repeats one.
ORDER := $(or $(ORDER),$(shell date +%s))
test: $(STAMP) system
	@echo "The tests run in the order $(ORDER)."
	$(BIN)/python -m pytest -p randomly --randomly-seed=$(ORDER) --numprocesses 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) system
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/latency.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/dp_sgd.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/scale_out.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/noisy_sums.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/sidebar.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/flood.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/upload.py
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/publishing.py
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[zoo]'
	PYTHONPATH=. $(BIN)/python -W ignore benchmarks/zoo.py

# The built front end is copied into the environment, so a new build is a new installation.
$(STAMP): pyproject.toml constraints.txt workbench/lab/labextension/package.json
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,dev,huggingface,keras,lab,onnx,postgres]'
	touch $(STAMP)

# The tests use a real PostgreSQL and a real browser.
system:
	@bash tests/system.sh

# The built front end is committed: Node is needed only by people who change its sources.
labextension: $(STAMP)
	BIN=$(BIN) bash extensions/dataspace-lab/build.sh

clean:
	rm -rf $(VENV) .workbench runs
