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

.PHONY: help run demo-scale stop viewer build test test-viewer crash fuzz test-engine lint bench bench-plots bench-engines clean

help: ## this list
	@echo "make TARGET [DIR=.timonier] [PORT=6443] [NODES=3] [STORE=embedded|etcd] [RUNTIME=docker|hollow]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

run: ## install what is missing, start a cluster, deploy the sample, show it
	@tools/run

demo-scale: ## 103 simulated nodes, four commands, 2,000 pods: how long it takes, and in how much memory
	@tools/setup build viewer
	@tools/viewer
	$(CARGO) build --release --locked --workspace --bins
	@tools/demo-scale

stop: ## stop that cluster and remove everything it made
	@tools/stop

viewer: ## the viewer's page, which the next build of the API server takes in
	@tools/setup viewer
	@tools/viewer

build: ## the release binaries
	@tools/setup build
	@tools/viewer
	$(CARGO) build --release --locked --workspace --bins

test: ## install what is missing and run every test: unit, store, API, end to end on real Docker and etcd
	@tools/setup browser build docker etcd faults image kubectl node python registry viewer
	@tools/viewer
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace
	cd viewer && npm test --silent -- --e2e

test-viewer: ## the tests of the viewer alone, in a browser against a cluster of simulated nodes
	@tools/setup browser build etcd viewer
	@tools/viewer
	$(CARGO) build --locked -p timonier-ctl --bin kctl
	cd viewer && npm test --silent -- --e2e

crash: export KILLS ?= 500
crash: ## kill an API server under load again and again, and look that nothing is lost (KILLS=500); then flip every byte
	@tools/setup build
	$(CARGO) build --locked -p timonier-apiserver -p timonier-ctl --bins
	$(CARGO) test --locked -p timonier-tests --test crash -- --nocapture
	TIMONIER_DAMAGE=every $(CARGO) test --locked -p timonier-store --test damage -- --nocapture

fuzz: export FUZZ_ROUNDS ?= 200000
fuzz: export FUZZ_SEED ?= $(shell date +%s)
fuzz: ## broken requests without end, then schemathesis over the served document: FUZZ_ROUNDS=200000 FUZZ_SEED=1
	@tools/setup build schemathesis
	$(CARGO) test --locked --release -p timonier-apiserver --test api fuzzing -- --nocapture
	$(CARGO) build --locked -p timonier-ctl --bins
	tools/schemathesis

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

bench: ## figures beside the reference's and etcd's, all or BENCH="requests fanout …", into target/bench
	@tools/setup build etcd image kubectl
	@tools/setup docker || echo "Docker is missing: what needs it is not measured" >&2
	$(CARGO) build --release --locked --workspace --bins
	$(CARGO) bench --locked --workspace --bench figures -- $(BENCH)

bench-plots: bench ## the same, and the plots that README.md shows
	mkdir -p docs
	cp $(or $(CARGO_TARGET_DIR),target)/bench/fan-out.svg $(or $(CARGO_TARGET_DIR),target)/bench/write-latency.svg docs/

# Beside the workspace: nobody else compiles these engines. Its lock file follows the store's dependencies by itself.
bench-engines: ## our log beside other storage engines: latency, recovery, space, flipped bits: GIGABYTES=4
	@tools/setup build
	$(CARGO) run --release --manifest-path tests/engines/Cargo.toml --target-dir target/engines -- \
	  --gigabytes $(or $(GIGABYTES),4) --dir target --json target/bench/engines.json $(ENGINE)

clean: ## what the compiler left
	$(CARGO) clean
