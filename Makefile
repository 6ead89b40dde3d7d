# All that is needed is Python 3.11 and the network's package registries.
PYTHON ?= $(or $(shell command -v python3.11),$(shell command -v python3),python3.11)
VENV := .venv
TORCH_PYTHON ?= /usr/bin/python3
STAMP := $(VENV)/.installed
PEERS := .bench/.installed
TFIO_AUDIO := .bench/.tfio-audio
SLIM := .bench/slim
DEPLOY := .bench/deploy
TFIO_TESTS := $(wildcard tests/ingest/test_augment_audio_*.py)
GPU_TESTS := $(addprefix tests/registry/test_,export_on_gpu.py keras_file.py compress_fine_tune.py) \
	tests/millstream/test_compress_rounds.py \
	$(addprefix tests/trainer/test_,gpu.py learner.py checkpoint.py predict.py scores.py model_options.py \
		normalization.py early_stopping.py callbacks.py reactions.py)
ATHERIS := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt atheris
# One more than CI has cores: tests often wait, for brokers, servers and rounds.
PROCESSES ?= 3
FUZZING = -max_total_time=60 -max_len=2000 -print_final_stats=1 $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long test-slim test-deploy test-workers test-gpu test-torch test-bad-million lint format bench-ingest bench-json bench-augment bench-sampling bench-prequential bench-train bench-compress bench-page examples fuzz fuzz-wire fuzz-json clean clean-all test-srfake test-tfio-audio chaos soak troubles

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(STAMP)  ## install millstream and its tools, pinned, into .venv

# pip would compile on one core; what does not compile there is nobody's module.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "millstream needs Python 3.11 to 3.13; say which: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

demo: $(STAMP)  ## stream the flights of 2013, train, register, pull
	$(VENV)/bin/millstream demo $(ARGS)

test: $(STAMP)  ## run the test suite
	$(VENV)/bin/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(STAMP)  ## run what make test leaves out: examples, benchmarks in small, chains of runs
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m long $(ARGS)

test-srfake: $(STAMP)  ## run the registry's tests against franz-go's own registry; needs Go
	cd tests/srfake && go build -o $(abspath $(VENV))/bin/srfake .
	SRFAKE=$(abspath $(VENV))/bin/srfake $(VENV)/bin/python -m pytest tests/ingest/test_confluent_peer.py $(ARGS)

# The S3 store of compose, kustomize, and what Docker and Kubernetes check, each from its own source.
test-deploy: $(STAMP)  ## compose without Docker, Kubernetes' overlays (some minutes); needs Go, root, Debian's postgresql and prometheus
	GOBIN=$(abspath $(DEPLOY)) go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	GOBIN=$(abspath $(DEPLOY)) go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2
	cd tests/deploy/composecheck && go build -o $(abspath $(DEPLOY))/composecheck .
	cd tests/deploy/kubecheck && go build -o $(abspath $(DEPLOY))/kubecheck .
	KUSTOMIZE=$(abspath $(DEPLOY))/kustomize VERSITYGW=$(abspath $(DEPLOY))/versitygw \
		COMPOSECHECK=$(abspath $(DEPLOY))/composecheck KUBECHECK=$(abspath $(DEPLOY))/kubecheck \
		$(VENV)/bin/python -m pytest -m 'long or not long' tests/deploy $(ARGS)

fuzz: fuzz-wire fuzz-json  ## both of the next two

fuzz-wire: $(STAMP)  ## feed damaged fetches to the wire decoder for a minute; ARGS=-max_total_time=600 for ten
	$(ATHERIS)
	mkdir -p .bench/fuzz-wire
	NUMBA_DISABLE_JIT=1 $(VENV)/bin/python -m tests.fuzz.fuzz_wire .bench/fuzz-wire $(FUZZING)

fuzz-json: $(STAMP)  ## the same with records for the compiled JSON parser
	$(ATHERIS)
	mkdir -p .bench/fuzz-json
	$(VENV)/bin/python -m tests.fuzz.fuzz_json .bench/fuzz-json $(FUZZING)

test-bad-million: $(STAMP)  ## a million bad records in a row: counts, letters, memory
	MILLSTREAM_BAD_RECORDS=1000000 $(VENV)/bin/python -m pytest -s tests/ingest/test_bad_million.py

test-workers: $(STAMP)  ## several workers, more of them and more models than make test has (some minutes)
	MILLSTREAM_ALL_WORKERS=1 $(VENV)/bin/python -m pytest -s tests/trainer/test_elastic_workers.py \
		tests/trainer/test_elastic_mirrored.py $(ARGS)

test-gpu: $(STAMP)  ## what trains and exports, on a GPU: pip install 'tensorflow[and-cuda]' (some minutes)
	CUDA_VISIBLE_DEVICES=$${CUDA_VISIBLE_DEVICES:-0} TF_FORCE_GPU_ALLOW_GROWTH=true \
		$(VENV)/bin/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder \
		$(GPU_TESTS) $(ARGS)

test-slim: $(STAMP)  ## load and ask a version where there is only mlflow-skinny, pandas, numpy and ai-edge-litert
	rm -rf $(SLIM)
	$(VENV)/bin/python -m venv --without-pip $(SLIM)
	$(VENV)/bin/python -m pip --python $(SLIM)/bin/python install --quiet --disable-pip-version-check \
		-c constraints.txt mlflow-skinny pandas numpy ai-edge-litert
	MILLSTREAM_SLIM=$(abspath $(SLIM))/bin/python $(VENV)/bin/python -m pytest -s tests/registry/test_slim.py tests/registry/test_loading.py $(ARGS)

test-torch:  ## run PyTorch's tests with Debian's python3-torch (CPU), by its own Python
	@$(TORCH_PYTHON) -c 'import torch' || \
		{ echo "PyTorch is not there: apt install python3-torch python3-venv"; exit 1; }
	test -x .bench/torch/bin/python || $(TORCH_PYTHON) -m venv --system-site-packages .bench/torch
	.bench/torch/bin/python -m pip install --quiet --disable-pip-version-check \
		-r tests/torch/requirements.txt
	.bench/torch/bin/python -m pytest tests/torch $(ARGS)

# tensorflow-io's ops in Python work on any TensorFlow; the extra [tfio] has the one that it is made for.
test-tfio-audio: $(STAMP) $(TFIO_AUDIO)  ## compare sound with tensorflow-io's audio ops, on two TensorFlows
	PYTHONPATH=.bench/tfio-ops $(VENV)/bin/python -m pytest $(TFIO_TESTS) $(ARGS)
	.bench/tfio-audio/bin/python -m pytest $(TFIO_TESTS) $(ARGS)

$(TFIO_AUDIO): pyproject.toml constraints-tfio.txt | $(STAMP)
	@$(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "tensorflow-io needs Python 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf .bench/tfio-ops .bench/tfio-audio
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target .bench/tfio-ops tensorflow-io==0.37.1 tensorflow-io-gcs-filesystem==0.37.1
	$(VENV)/bin/python -m venv .bench/tfio-audio
	.bench/tfio-audio/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-tfio.txt -e '.[tfio]' pytest==9.2.0 pytest-timeout==2.4.0
	@touch $@

chaos: $(STAMP)  ## kill service, workers and broker at 100 random instants (half an hour); ARGS="--kills 20"
	$(VENV)/bin/python -m tests.chaos $(ARGS)

# Root, for a small disk of its own, and a C compiler; without them two troubles are skipped.
troubles: $(STAMP)  ## MLflow away for two minutes, the broker for half a minute, a full disk, a clock that jumps, a worker killed
	$(VENV)/bin/python -m tests.chaos --troubles $(ARGS)

soak: $(STAMP)  ## 20 minutes of records, kills and restarts: does anything grow, do all counters add up; ARGS=--hour for one
	$(VENV)/bin/python -m tests.soak $(ARGS)

lint: $(STAMP)  ## check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(STAMP)  ## lay the code out
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench-ingest: $(STAMP) $(PEERS)  ## measure reading from Kafka beside other clients (half an hour)
	$(VENV)/bin/python -m bench.ingest $(ARGS)

bench-json: $(STAMP)  ## measure engines that parse JSON (a minute)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade \
		--target .bench/json orjson==3.13.0
	PYTHONPATH=.bench/json $(VENV)/bin/python -m bench.json_engines

bench-sampling: $(STAMP)  ## measure samplers, and a history of a million rows (two minutes)
	$(VENV)/bin/python -m bench.sampling $(ARGS)

bench-prequential: $(STAMP)  ## streams of river's, millstream beside river's models (half an hour)
	$(VENV)/bin/python -m bench.prequential $(ARGS)

bench-train: $(STAMP)  ## feeding, two workers beside one, rounds, and how late a version is (some minutes)
	$(VENV)/bin/python -m bench.train $(ARGS)

bench-compress: $(STAMP)  ## three models up the ladder, beside TensorFlow's default (some minutes)
	$(VENV)/bin/python -m bench.compress $(ARGS)

bench-page: $(STAMP)  ## what 100 viewers of the live page cost its process, and the trainer (six minutes)
	$(VENV)/bin/python -m bench.page $(ARGS)

bench-drift: $(STAMP)  ## drift: delays, false alarms, what reactions give (some minutes)
	$(VENV)/bin/python -m bench.drift $(ARGS)

examples: $(STAMP)  ## run the examples of sampling and augmentation (some minutes)
	$(VENV)/bin/python -m examples.imbalanced
	$(VENV)/bin/python -m examples.drift
	$(VENV)/bin/python -m examples.forgetting

bench-augment: $(STAMP)  ## measure augmentation beside Keras's layers (some minutes)
	$(VENV)/bin/python -m bench.augment $(ARGS)

# What is measured beside millstream lies apart from it; tensorflow-io needs a TensorFlow of its own.
$(PEERS): bench/ingest/peers.txt constraints-tfio.txt | $(STAMP)
	rm -rf .bench/peers .bench/tfio
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target .bench/peers -r bench/ingest/peers.txt
	@if $(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then \
		$(VENV)/bin/python -m venv .bench/tfio && \
		.bench/tfio/bin/python -m pip install --quiet --disable-pip-version-check \
			-c constraints-tfio.txt tensorflow-io==0.37.1 tensorflow==2.16.2; \
	else echo "tensorflow-io is left out: it needs Python 3.11"; fi
	@touch $@

clean:  ## remove what runs and tools leave behind
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis flights-demo
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-all: clean  ## the same, .venv, and what the benchmarks keep
	rm -rf $(VENV) .bench
