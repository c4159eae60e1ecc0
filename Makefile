# NER Lab: one list of commands. `make app` and `make test` are all a new person needs.
# People without make find the plain pip and streamlit lines in README.md.

HOST ?= 127.0.0.1
PORT ?= 8501
# The newest Python that TensorFlow has a build for.
PYTHON ?= $(firstword $(foreach v,3.13 3.12 3.11,$(shell python$(v) -c "print('python$(v)')" 2>/dev/null)) python3)
BIN := .venv/bin

.PHONY: app class setup test lint tutorials models bench bench-road fuzz faults clean

app: setup
	@echo "NER Lab: open http://$(HOST):$(PORT) in a browser. Ctrl+C ends it."
	$(BIN)/streamlit run app.py --server.address $(HOST) --server.port $(PORT)

# For a class on the local network: make class [HOST=192.168.1.20] [PORT=8501] [NEW_KEY=1]; without HOST the machine's own
# address is found. Only this address is served, not every one the machine has.
CLASS_HOST := $(if $(filter file,$(origin HOST)),,--host $(HOST))
class: setup
	@host=$$($(BIN)/python -m ner_core.training.classroom --port $(PORT) $(CLASS_HOST) $(if $(NEW_KEY),--new-key)) && \
	NER_LAB_CLASS=1 exec $(BIN)/streamlit run app.py --server.address "$$host" --server.port $(PORT)

setup: .venv/app.installed

test: .venv/test.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Every fault of docs/faults.md as often as it promises; `make test` tries a tenth.
faults: .venv/test.installed
	NER_LAB_FAULTS=all $(BIN)/python -m pytest tests/faults -n 2 --dist loadfile -rs

lint: .venv/test.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tutorials: setup
	$(BIN)/python -m benchmarks.tutorials

models: setup
	$(BIN)/python -m benchmarks.make_models

# make bench [QUICK=1] [SYSTEMS=fast,spacy] [SEEDS=1,2,3] [FRESH=1]: the taggers beside spaCy and CRFsuite; goes on where it was.
bench: .venv/bench.installed
	$(BIN)/python -m benchmarks.engine $(if $(QUICK),--quick) $(if $(SYSTEMS),--only $(SYSTEMS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FRESH),--fresh)

# The app in a browser: how long a person waits.
bench-road: .venv/test.installed
	$(BIN)/python -m benchmarks.road

# make fuzz READER=conll SECONDS=1800 (READER=all: every reader in turn); finds stay in .ner_lab/fuzz.
READER ?= all
SECONDS ?= 60
fuzz: .venv/test.installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-fuzz.txt
	$(BIN)/python -m tests.fuzz $(READER) --seconds $(SECONDS)

clean:
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"NER Lab needs Python 3.11, 3.12 or 3.13 (TensorFlow has no build for others yet). Received: {v.major}.{v.minor}. Install one of these and run: make PYTHON=python3.12 app")'
	$(PYTHON) -m venv .venv

.venv/app.installed: .venv/bin/python requirements.txt requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

# --use-pep517: seqeval comes as source, and what builds it needs packages of its own. The cluster's tests need Dask.
.venv/test.installed: .venv/app.installed requirements-test.txt requirements-cluster.txt
	$(BIN)/python -m pip install --disable-pip-version-check --use-pep517 -r requirements-test.txt -r requirements-cluster.txt
	@touch $@

.venv/bench.installed: .venv/test.installed requirements-bench.txt
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-bench.txt
	@touch $@
