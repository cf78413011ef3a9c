# Each target is one job; scripts/setup installs what it needs.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONUNBUFFERED := 1

.PHONY: help setup run demo test test-nodered check bench lock docs
.DEFAULT_GOAL := help

help:   ## show this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup:  ## install all that the other targets need
	@scripts/setup --all

run:    ## start broker and services; Ctrl-C stops them
	@scripts/setup && python -m doorbus.local prepare && exec honcho start

demo:   ## play the story of a door on this machine
	@scripts/setup && exec python scripts/demo.py

test: setup  ## run all tests
	@exec pytest

test-nodered: setup  ## try the example flows on a real Node-RED
	@scripts/test-nodered

check: setup  ## lint, types and placement rules, exactly as CI does
	@scripts/check

bench:  ## measure latency and throughput on this machine
	@scripts/setup && python bench/latency.py && python bench/throughput.py

lock: setup  ## pin the dependencies anew
	@scripts/lock

docs:   ## write what is generated: access rules, AsyncAPI document, .env.example
	@scripts/generate
