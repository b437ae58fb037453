# make run    set up, build, start a cluster, deploy the sample, show it
# make test   set up, build, every test
SHELL := /bin/sh
export DIR     ?= .timonier
export PORT    ?= 6443
export NODES   ?= 3
export STORE   ?= embedded
export RUNTIME ?= docker
RELEASE ?= sid
export PATH    := $(PATH):/usr/sbin:/sbin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
export TIMONIER_HOST_DIR := $(DIR)/host
CARGO ?= cargo

.PHONY: help run stop build test test-engine lint bench clean

help: ## this list
	@echo "make TARGET [DIR=.timonier] [PORT=6443] [NODES=3] [STORE=embedded|etcd] [RUNTIME=docker|hollow]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 15

run: ## install what is missing, start a cluster, deploy the sample, show it
	@tools/run

stop: ## stop that cluster and remove everything it made
	@tools/stop

build: ## the release binaries
	@tools/setup build
	$(CARGO) build --release --locked --workspace --bins

test: ## install what is missing and run every test: unit, store, API, end to end on real Docker and etcd
	@tools/setup build docker etcd image kubectl python registry
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace

# The Engine has no way out of its network namespace: what the tests need is built before. Twice, since the Engine keeps
# images in either of two ways.
test-engine: ## the tests of the agent and of pods on the Docker Engine of another Debian: RELEASE=sid
	@tools/setup build docker registry
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked -p timonier-nodeagent -p timonier-tests --no-run
	tools/engine $(RELEASE) $(CARGO) test --locked --offline -p timonier-nodeagent --lib runtime::docker
	ENGINE_CONFIG='{"features": {"containerd-snapshotter": true}}' \
	  tools/engine $(RELEASE) $(CARGO) test --locked --offline -p timonier-nodeagent --lib runtime::docker
	tools/engine $(RELEASE) $(CARGO) test --locked --offline -p timonier-tests --test pod_fields

lint: ## format and lints, as CI checks them
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

bench: ## figures beside the reference's
	@tools/setup build docker etcd image
	$(CARGO) build --release --locked --workspace --bins
	$(CARGO) bench --locked -p timonier-tests --bench figures

clean: ## what the compiler left
	$(CARGO) clean
