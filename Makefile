# make run    make the environment, then run the whole pipeline on the embedded sample
# make test   make the environment, then run all tests
# make quick  the tests that are not marked slow
# make lint   ruff and mypy over the whole tree
# make bench  the benchmarks; their figures go to benchmarks/results
PYTHON ?= python3
VENV ?= .venv
CONFIG ?= pipeline_config.json
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: run test quick bench lint format schema clean
.DELETE_ON_ERROR:

run: $(VENV)/installed
	$(BIN)/python -m pipeline.run --config $(CONFIG)

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 3 --dist worksteal

quick: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not slow"

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.training --json benchmarks/results/training.json
	$(BIN)/python -m benchmarks.expander --json benchmarks/results/expander.json
	$(BIN)/python -m benchmarks.extraction --json benchmarks/results/extraction.json
	$(BIN)/python -m benchmarks.prediction --json benchmarks/results/prediction.json
	$(BIN)/python -m benchmarks.verdict --json benchmarks/results/verdict.json
	$(BIN)/python -m benchmarks.serving --json benchmarks/results/serving.json
	$(BIN)/python -m benchmarks.evaluation --json benchmarks/results/evaluation.json

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/installed
	$(BIN)/python -m pipeline.config --schema docs/pipeline_config.schema.json

clean:
	rm -rf $(VENV) runs serving_model build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25,<27"

$(VENV)/installed: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-test: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps 'tf-keras>=2.21,<2.22'  # it asks for tensorflow; tensorflow-cpu serves
	touch $(VENV)/installed $@
