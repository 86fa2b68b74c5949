# What people do with this repository. `make help` lists it.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
BIN := $(TARGET)/release/wasmstream
JOBS := wordcount wordcount-state user-totals
MODULES := $(CURDIR)/target/jobs
# The jobs' own cargo target, apart from the host's: another target triple, other profiles.
JOBS_TARGET := $(TARGET)/jobs-build

.PHONY: help demo build jobs test lint fmt bench clean wasm-target

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build jobs ## Count the words of all Rust sources that cargo has downloaded
	@tests/demo.sh $(BIN) $(MODULES)

build: ## Build the host: TARGET/release/wasmstream
	$(CARGO) build --release -p wasmstream-host

wasm-target:
	@rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null | xargs -I{} test -d {} \
		|| rustup target add wasm32-unknown-unknown

jobs: build wasm-target ## Build the example jobs: target/jobs/NAME.wasm
	@mkdir -p $(MODULES)
	@for job in $(JOBS); do \
		CARGO_TARGET_DIR=$(JOBS_TARGET) $(BIN) build example-jobs/$$job -o $(MODULES)/$$job.wasm || exit 1; \
	done

test: build wasm-target ## Run all tests
	$(CARGO) test --release --workspace
	cd example-jobs && CARGO_TARGET_DIR=$(JOBS_TARGET) $(CARGO) test --release --workspace

lint: ## Check formatting and lints
	$(CARGO) fmt --all --check
	cd example-jobs && $(CARGO) fmt --all --check
	cd tests/jobs && $(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

fmt: ## Format everything
	$(CARGO) fmt --all
	cd example-jobs && $(CARGO) fmt --all
	cd tests/jobs && $(CARGO) fmt --all

bench: build jobs ## Run the benchmarks; prints the table of docs/benchmarks.md
	$(CARGO) build --release -p wasmstream-bench
	$(CARGO) bench -p wasmstream-host --bench parts
	@tests/bench/run.sh $(TARGET)/release $(MODULES)

clean: ## Remove what was built
	$(CARGO) clean
	rm -rf target
