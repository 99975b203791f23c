# svc. `make run` and `make test` do all that a fresh Debian 12 machine with the Swift toolchain needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build run test selftest lint bench benchmarks image-check clean

PACKAGES := libopenblas-dev libcurl4-openssl-dev libsqlite3-dev zlib1g-dev python3-pip make pkg-config
DEFAULT_MODELS := firefox-en-pt firefox-pt-en lid-176 smollm2-135m-instruct gemma-3-270m all-minilm-l6-v2
SVC := .build/release/svc
PORT ?= 8080
# One configuration for the program and its tests: numeric code is far too slow without optimisation.
SWIFT_FLAGS := -c release -Xswiftc -enable-testing
# What tests drive the service with, installed for them alone.
PYTHON_TEST_PACKAGES := libretranslatepy==2.1.4 openai==3.54.0 websockets==17.4

help:
	@echo "make run      set up, build, fetch the default models, serve on 127.0.0.1:$(PORT)"
	@echo "make test     set up, build, run every test and the whole self-test"
	@echo "make selftest let the service prove itself, on every default model"
	@echo "make setup    install the system packages that are missing"
	@echo "make build    build $(SVC)"
	@echo "make lint     check the format of the sources"
	@echo "make bench    measure translation (INPUT=file with one sentence a line)"
	@echo "make benchmarks  measure each operation and each route (Benchmarks/README.md)"
	@echo "make image-check  do the container image's runtime steps in a debootstrap root and try the result"
	@echo "make clean    remove what was built"

setup:
	@command -v swift >/dev/null || { echo "svc: the Swift 6.3 toolchain is missing; install it from swift.org" >&2; exit 1; }
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q '^install ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  root=""; [ "$$(id -u)" = 0 ] || root="sudo"; \
	  if [ -n "$$root" ] && ! command -v sudo >/dev/null; then \
	    echo "svc: run as root: apt-get install$$missing" >&2; exit 1; fi; \
	  { $$root apt-get -o DPkg::Lock::Timeout=300 update -qq && DEBIAN_FRONTEND=noninteractive $$root apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $$missing; } \
	    >.setup.log 2>&1 || { tail -5 .setup.log >&2; echo "svc: apt-get could not install$$missing; see .setup.log" >&2; exit 1; }; \
	  rm -f .setup.log; \
	else echo "system packages: all there"; fi

build: setup
	@echo "building (the first time takes about five minutes on two cores)"
	@swift build $(SWIFT_FLAGS) --product svc

.PHONY: pull
pull: build
	@$(SVC) pull $(DEFAULT_MODELS)

run: pull
	@echo "serving on http://127.0.0.1:$(PORT); stop with Ctrl-C"
	@exec $(SVC) serve --port $(PORT) --models $$(echo $(DEFAULT_MODELS) | tr ' ' ',')

lint:
	@swift format lint --strict --recursive Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Operations Benchmarks/Routes Benchmarks/Sources && echo "format: clean"

.python: Makefile
	@echo "installing $(PYTHON_TEST_PACKAGES) for the tests"
	@python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --target .python.partial $(PYTHON_TEST_PACKAGES) \
	  || { echo "svc: pip could not install $(PYTHON_TEST_PACKAGES); is the network there?" >&2; exit 1; }
	@rm -rf .python && mv .python.partial .python

test: setup lint .python
	@echo "building the program and its tests"
	@swift build $(SWIFT_FLAGS) --build-tests
	@$(SVC) pull $(DEFAULT_MODELS)
	@Tests/run.sh $(SWIFT_FLAGS) --skip-build
	@$(SVC) selftest

selftest: pull
	@$(SVC) selftest

INPUT ?= .build/english.txt
.build/english.txt: Tests/Fixtures/bergamot/english.json
	@mkdir -p .build
	@python3 -c 'import json, sys; print("\n".join(s["source"] for s in json.load(open(sys.argv[1]))["sentences"]))' $< >$@

bench: pull $(INPUT)
	@for threads in 1 2; do $(SVC) bench translate firefox-en-pt --input $(INPUT) --threads $$threads; done

benchmarks: pull
	@echo "building the benchmarks (the first time takes about ten minutes on two cores)"
	@cd Benchmarks && swift build -c release --product HelloWorld && swift build -c release --product RequestRates
	@cd Benchmarks && swift package -c release benchmark
	@Benchmarks/.build/release/RequestRates

image-check: setup
	@docker/image-check.sh

clean:
	@rm -rf .build .build-image .python .python.partial .setup.log
