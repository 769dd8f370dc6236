# How to work on flightdeck: `make help` lists the targets. Each does its own set-up.

CARGO ?= $(shell command -v cargo || echo $(HOME)/.cargo/bin/cargo)
# Where there is no right to write into /usr/local, the operator's own folder does as well.
PREFIX ?= $(shell if [ -w /usr/local/bin ]; then echo /usr/local; else echo "$(HOME)/.local"; fi)
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Words for the program, for example: make demo ATTACH=1 ARGS="--keep --no-faults"
ATTACH ?=
ARGS ?=
export CARGO

.DEFAULT_GOAL := help
.PHONY: help demo test faults crash chaos-messages soak fuzz lab sim mutants coverage install audit bench bench-idle bench-ui pictures fmt clean setup

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: setup ## Take a Builder and an Adversary through three phases, here and now (ATTACH=1: watched in the cockpit; ARGS="--keep")
	$(CARGO) build --quiet
	$(TARGET)/debug/flightdeck demo $(if $(ATTACH),--cockpit) $(ARGS)

test: ## Prove everything: format, lints, docs, tests
	@.ci/setup test
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets -- -D warnings
	$(CARGO) clippy --quiet --test lab -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps --document-private-items
	.ci/tests

faults: ## Play the whole catalogue of faults, and tell of each whether its promise is held (some 5 minutes)
	@.ci/setup test
	.ci/faults

# How much of dying: so many engines killed at any moment, so many at each point of each action; so many calls that fail (all of them: 5000);
# cuts and turned bits of the log; restarts with so many agents; days of history. WORKERS days are played at a time.
KILLS ?= 1000
POINTS ?= 20
CALLS ?= 5000
CUTS ?= 40000
FLIPS ?= 5000
RESTARTS ?= 100
AGENTS ?= 50
HISTORY ?= 365
WORKERS ?= 2

crash: setup ## Kill engines at any moment and at each step, fail each call, damage the log (hours; KILLS=1000 POINTS=20 CALLS=5000)
	FLIGHTDECK_CRASH_KILLS=$(KILLS) FLIGHTDECK_CRASH_POINTS=$(POINTS) FLIGHTDECK_CRASH_CALLS=$(CALLS) FLIGHTDECK_CRASH_CUTS=$(CUTS) \
		FLIGHTDECK_CRASH_FLIPS=$(FLIPS) FLIGHTDECK_CRASH_RESTARTS=$(RESTARTS) FLIGHTDECK_CRASH_AGENTS=$(AGENTS) FLIGHTDECK_CRASH_DAYS=$(HISTORY) \
		FLIGHTDECK_CRASH_WORKERS=$(WORKERS) $(if $(SEED),FLIGHTDECK_CRASH_SEED=$(SEED)) $(CARGO) test --quiet --test crash -- --nocapture --test-threads 1 $(ARGS)

# Which agent CLIs are installed for the lab, as folders of tests/lab/clis; all of them without a word.
CLIS ?=

lab: setup ## Run the real agent CLIs against our model server; installs them first, 1.4 GB (CLIS=claude ARGS="claude::")
	tests/lab/install $(CLIS)
	.ci/lab $(ARGS)

# Our own code as fast as it gets, with its assertions; what it is built on stays as `make test` left it.
OPTIMISED := --config profile.dev.package.flightdeck.opt-level=3

# How much of the simulation: so many seeds of so many wild days, and so many years of a fleet as it lives. All is optimised for it as for a release
# and more, and keeps its overflow checks, which are part of what it looks for.
SEEDS ?= 20
DAYS ?= 30
YEARS ?= 1

sim: setup ## Play wild weeks and honest years in virtual time, and check each step (SEEDS=20 DAYS=30 YEARS=1)
	FLIGHTDECK_SIM_SEEDS=$(SEEDS) FLIGHTDECK_SIM_DAYS=$(DAYS) FLIGHTDECK_SIM_YEARS=$(YEARS) FLIGHTDECK_SIM_YEAR_DAYS=365 \
		$(CARGO) test --profile sim --quiet --test sim -- simulation:: year:: --nocapture

# How much of the fuzzing: so many seconds for each target (TARGETS="config marker"; all of them without a word). REPLAY is a saved
# input, KEEP=1 adds inputs with a new outcome to the corpora. Our own code is optimised, and keeps its assertions.
SECONDS ?= 60
TARGETS ?=
REPLAY ?=
KEEP ?=
SEED ?=

fuzz: setup ## Give hostile input to each reader (SECONDS=600 TARGETS="config marker", SEED=7, KEEP=1, REPLAY=file)
	FLIGHTDECK_FUZZ_SECONDS=$(SECONDS) FLIGHTDECK_FUZZ_TARGETS="$(TARGETS)" $(if $(SEED),FLIGHTDECK_FUZZ_SEED=$(SEED)) \
		$(if $(KEEP),FLIGHTDECK_FUZZ_KEEP=1) $(if $(REPLAY),FLIGHTDECK_FUZZ_REPLAY="$(abspath $(REPLAY))") \
		RUST_BACKTRACE=0 $(CARGO) test $(OPTIMISED) --quiet --test fuzz what_chance_makes -- --nocapture

# How many messages, and what chance is thrown from; where a run with findings leaves its workspace; FAST=1: our own code optimised, which pays for
# many. For how many hours a fleet goes on.
N ?= 100000
HOURS ?= 1

chaos-messages: setup ## Send N messages through killed engines, stopped servers, swallowed Enters, and judge each (N=100000 DECKS=3 SEED=7 KEEP=folder FAST=1)
	FLIGHTDECK_CHAOS_MESSAGES=$(N) $(if $(DECKS),FLIGHTDECK_CHAOS_DECKS=$(DECKS)) $(if $(SEED),FLIGHTDECK_CHAOS_SEED=$(SEED)) $(if $(KEEP),FLIGHTDECK_CHAOS_KEEP="$(abspath $(KEEP))") \
		$(CARGO) test $(if $(FAST),$(OPTIMISED)) --quiet --test chaos messages:: -- --nocapture

soak: setup ## Keep 20 demo agents going in light chaos, and measure what the engine takes (HOURS=1 SEED=7 KEEP=folder)
	FLIGHTDECK_SOAK_HOURS=$(HOURS) $(if $(SEED),FLIGHTDECK_CHAOS_SEED=$(SEED)) $(if $(KEEP),FLIGHTDECK_CHAOS_KEEP="$(abspath $(KEEP))") \
		$(CARGO) test --quiet --test chaos soak:: -- --nocapture

mutants: setup ## Put one fault after another into the pilot: a test must notice each (SHARD=0/40: one in forty; all of it takes hours)
	SHARD="$(SHARD)" .ci/mutants $(ARGS)

coverage: setup ## Count the lines and branches of the pilot that its tests run
	.ci/coverage

install: setup ## Install program, completions and manual (PREFIX, DESTDIR)
	$(CARGO) build --release --locked
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 "$(TARGET)/release/flightdeck" "$(DESTDIR)$(PREFIX)/bin/flightdeck"
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions"
	$(TARGET)/release/flightdeck completions bash > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/flightdeck"
	install -d "$(DESTDIR)$(PREFIX)/share/zsh/site-functions"
	$(TARGET)/release/flightdeck completions zsh > "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_flightdeck"
	install -d "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	$(TARGET)/release/flightdeck completions fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/flightdeck.fish"
	$(TARGET)/release/flightdeck man "$(DESTDIR)$(PREFIX)/share/man/man1"
	@echo "flightdeck is in $(DESTDIR)$(PREFIX)/bin"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "which is not in your PATH: add it" ;; esac

audit: setup ## Licences, duplicates, sources, advisories, unused crates (builds its tools first: minutes)
	.ci/audit

bench: setup ## Measure the inner loops
	$(CARGO) bench --bench inner -- $(ARGS)

bench-idle: setup ## Measure what a quiet fleet costs in a minute, and delays (ARGS="--seconds 10 --quiet 1,10 --runs 5")
	$(CARGO) bench --bench idle -- measure $(ARGS)

pictures: setup ## Take the pictures of docs/pictures anew, with the real program (some 10 minutes)
	$(CARGO) build --quiet --bins --example ansi2svg
	docs/pictures/make "$(TARGET)/debug"

bench-ui: setup ## Measure the cockpit as a user feels it: keys, start, a quiet minute, memory (ARGS="--agents 10 --only keys")
	$(CARGO) bench --bench ui -- measure $(ARGS)

fmt: ## Format the code
	$(CARGO) fmt

clean: ## Remove what was built
	$(CARGO) clean

setup:
	@.ci/setup
