# `make run` and `make test` are all the set-up there is: each checks what it needs first.
.DEFAULT_GOAL := help
CARGO ?= cargo
SEEDS ?= 50

.PHONY: help run panel-assets build release test test-engines chaos chaos-engines bench fmt lint docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## build and start the demo: Miso against a simulated Discord, no token needed
	@scripts/prerequisites.sh rust cc make node npm
	@scripts/prerequisites.sh fonts || echo 'Going on: charts of music will have no Korean, Japanese and Chinese titles.' >&2
	@scripts/panel-assets.sh
	@$(CARGO) build --quiet --bin miso || $(CARGO) build --bin miso
	@exec target/debug/miso demo

panel-assets: ## fetch the panel's fonts, icons and htmx
	@scripts/prerequisites.sh node npm
	@scripts/panel-assets.sh

build: panel-assets ## build the binary
	@scripts/prerequisites.sh rust cc make
	$(CARGO) build --bin miso

release: panel-assets ## build the optimised binary
	@scripts/prerequisites.sh rust cc make
	$(CARGO) build --release --bin miso

test: panel-assets ## all tests that need no Kafka and no PostgreSQL
	@scripts/prerequisites.sh rust cc make python3 node npm chromium fonts
	@scripts/test.sh

test-engines: ## contract suites and end-to-end tests on a real Kafka and a real PostgreSQL
	@scripts/prerequisites.sh rust cc make python3 node npm java mvn postgres
	@scripts/test-engines.sh

chaos: ## crash tests, SEEDS=n
	@scripts/prerequisites.sh rust cc make python3 node npm
	MISO_TEST_SEEDS=$(SEEDS) $(CARGO) test -p miso --test e2e -- crash --nocapture

chaos-engines: ## crash tests on Kafka, one process per role, SEEDS=n
	@scripts/prerequisites.sh rust cc make java mvn postgres
	MISO_TEST_SEEDS=$(SEEDS) scripts/engines.sh run $(CARGO) test -p miso --test e2e -- crash_runs kafka --nocapture

bench: ## measure, and print the table of bench/README.md
	@scripts/prerequisites.sh rust cc make
	@scripts/bench.sh

fmt: ## format
	$(CARGO) fmt --all

lint: ## format check and clippy, warnings fail
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

docs: ## write the generated pages and schemas anew
	MISO_WRITE_SCHEMAS=1 $(CARGO) test --quiet -p miso-model --test schemas
	MISO_WRITE_DOCS=1 $(CARGO) test --quiet -p miso --bin miso
	MISO_WRITE_DOCS=1 $(CARGO) test --quiet -p miso-commands-api --test it openapi
	MISO_WRITE_DOCS=1 $(CARGO) test --quiet -p miso-datasets --test it dictionary
	MISO_WRITE_OPENAPI=1 $(CARGO) test --quiet -p miso-lastfm --lib openapi
	MISO_WRITE_OPENAPI=1 $(CARGO) test --quiet -p miso-embedder --lib openapi
