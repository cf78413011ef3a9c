# Each target is one job; scripts/setup installs what it needs.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONUNBUFFERED := 1

.PHONY: help setup run demo up down upgrade backup restore secrets test test-compose test-homeassistant test-nodered test-console mutate check release bench bench-garbage bench-images soak lock docs
.DEFAULT_GOAL := help

help:   ## show this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup:  ## install all that the other targets need
	@scripts/setup --all

run:    ## start broker and services; Ctrl-C stops them
	@scripts/setup && python -m doorbus.local prepare && exec scripts/run

demo:   ## play the story of a door on this machine
	@scripts/setup && exec python scripts/demo.py

up:     ## start everything in containers; needs Docker alone
	@scripts/up

down:   ## stop the containers; people and records are kept
	@scripts/down

upgrade: ## bring the containers to the newest version, or to REF=...; scripts/upgrade --back is the way back
	@scripts/upgrade $(REF)

backup: ## keep people, records, secrets and settings of the containers in one encrypted file
	@scripts/backup $(FILE)

restore: ## bring a backup back: make restore FILE=...
	@scripts/restore $(FILE)

secrets: ## make a site's certificates, passwords and keys, in a container
	@scripts/secrets

test: setup  ## run all tests
	@exec scripts/run-tests --numprocesses 4 --dist loadfile --no-loadscope-reorder

test-compose:  ## run the faults in containers, where a Docker engine can be had
	@scripts/setup --all && exec scripts/test-compose

test-homeassistant: setup  ## run the tests with a real Home Assistant, which is installed first
	@scripts/test-homeassistant

test-nodered: setup  ## try the example flows on a real Node-RED, which is installed first
	@scripts/test-nodered

test-console: setup  ## try the console's pages in a real browser, which is installed first
	@scripts/test-console

mutate: setup  ## change the policy, one thing at a time, and count what its tests notice
	@exec python scripts/mutate.py

check: setup  ## lint, types and placement rules, exactly as CI does
	@scripts/check

release: ## build and try what a release consists of
	@scripts/setup && exec scripts/release

bench:  ## measure latency, throughput, load, replicas, enrolment, actuator, console and its pages on this machine
	@scripts/setup && for one in latency throughput load scale enrolment actuator console pages; do python bench/$$one.py || exit; done

bench-garbage:  ## see for half an hour what damaged and malicious pictures do to a recognizer
	@scripts/setup && PYTHONPATH=tests exec python bench/garbage.py

bench-images:  ## build the images and print their sizes; needs Docker
	@scripts/setup && exec python bench/images.py

soak:   ## see for 40 minutes whether anything grows
	@scripts/setup && exec python bench/soak.py --plot docs/img/soak.svg

lock: setup  ## pin the dependencies anew
	@scripts/lock

docs:   ## write what is generated: access rules, AsyncAPI document, .env.example
	@scripts/generate
