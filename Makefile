# What a contributor runs. A machine needs Go 1.26, Node 20, Python 3.11 (or newer), make, git and bash;
# everything else is fetched at the versions pinned in this repository.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL    := go tool -modfile=internal/tools/go.mod
PYTHON  := .venv/bin/python

# Go builds without cgo where there is no C compiler, and the race detector needs cgo.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

GO_FILES    = $(shell git ls-files --cached --others --exclude-standard '*.go')
SHELL_FILES = .ci/run $(shell git ls-files --cached --others --exclude-standard '*.sh')

# Written by the installs below, so that they run again only when what they install has changed.
NODE_READY   := sdk-node/node_modules/.package-lock.json
SERVERS      := internal/endtoend/testdata/servers
SERVERS_READY := $(SERVERS)/node_modules/.package-lock.json
PYTHON_READY := sdk-python/.venv/ready

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo build test check fmt docs servers bench bench-quick chaos chaos-sabotage chaos-ledger load older fuzz \
	test-go test-node test-python check-go check-shell check-node check-python audit

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: build ## build, then run whipper on a few hundred real files (examples/demo.sh)
	bash examples/demo.sh

build: ## build bin/whipper
	go build -ldflags '-X main.version=$(VERSION)' -o bin/whipper ./cmd/whipper

test: test-go test-node test-python ## run every test: Go, Node, Python

test-go: $(SERVERS_READY) $(PYTHON_READY)
	@$(if $(RACE),,echo 'no C compiler: the race detector is off')
	$(TOOL) gotestsum --format standard-quiet -- $(RACE) -shuffle=on -timeout 15m ./...

test-node: build $(NODE_READY)
	cd sdk-node && npm test

test-python: build $(PYTHON_READY)
	cd sdk-python && $(PYTHON) -m pytest

check: check-go check-shell check-node check-python audit ## check format, types, lint, package arrows, docs and known vulnerabilities

check-go:
	$(TOOL) gofumpt -d $(GO_FILES)
	go mod tidy -diff
	go vet ./...
	$(TOOL) golangci-lint run
	go test ./internal/checks

check-shell:
	for file in $(SHELL_FILES); do bash -n "$$file" || exit 1; done

check-node: $(NODE_READY)
	cd sdk-node && npm run check

check-python: $(PYTHON_READY)
	cd sdk-python && $(PYTHON) -m ruff format --check . ../bench/clients
	cd sdk-python && $(PYTHON) -m ruff check . ../bench/clients
	cd sdk-python && $(PYTHON) -m mypy --strict

audit: $(PYTHON_READY) ## look for known vulnerabilities in what is used, where the registries tell
	@cd sdk-python && { $(PYTHON) -c 'import pip_audit' 2>/dev/null || \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[audit]' || true; }
	@PYTHON=$(PYTHON) bash internal/tools/audit.sh

fmt: $(NODE_READY) $(PYTHON_READY) ## format the code
	$(TOOL) gofumpt -w $(GO_FILES)
	cd sdk-node && npm run format
	cd sdk-python && $(PYTHON) -m ruff format . ../bench/clients

docs: build ## write what is made from the code: docs/cli.md, docs/configuration.md and the schema of whipper.yaml
	bin/whipper docs cli >docs/cli.md
	bin/whipper docs configuration >docs/configuration.md
	bin/whipper docs schema >docs/whipper.schema.json

servers: $(SERVERS_READY) $(PYTHON_READY) ## install the programs and packages of others that the end-to-end tests use

BENCH ?=
bench: ## measure whipper beside floors and peers, in about 20 minutes; BENCH='-part submit' a part, BENCH=-docs for docs/benchmarks.md
	go build -o bin/bench ./bench
	bin/bench $(BENCH)

bench-quick: ## run all of the benchmark with small sizes and without installing peers, to see that it works
	go build -o bin/bench ./bench
	bin/bench -quick $(BENCH)

CHAOS_SECONDS ?= 3600
CHAOS_SEED ?=
chaos: ## attack whipper for CHAOS_SECONDS (3600) with CHAOS_SEED, and look whether all that was said is true
	CHAOS_SECONDS=$(CHAOS_SECONDS) CHAOS_SEED=$(CHAOS_SEED) go run ./internal/chaos

chaos-sabotage: ## build faults into whipper and see that chaos finds each of them, in about two minutes
	go run ./internal/chaos -sabotage

KILLS ?= 300
chaos-ledger: ## kill the ledger's process KILLS (300) times, let each call of its disk fail in turn and its clock jump; takes up to an hour
	WHIPPER_KILLS=$(KILLS) go test ./ledger -count=1 -v -run '^TestWheneverTheProcessIsKilledWhatItSaidIsTrue$$'
	WHIPPER_FAULTS=1 go test ./ledger -count=1 -timeout 120m -run '^TestWhateverCallOfTheDiskFailsNothingAcknowledgedIsLost$$|^TestAnUpgradeThatIsCutShortAnywhereLosesNothing$$'
	go test ./ledger -count=1 -timeout 60m -run '^TestSQLiteIsWhatAModelInMemoryIs$$' -rapid.checks=2000

load: ## a million jobs and 500 workers, beside what the tests of crowds and shortages do anyway
	WHIPPER_LOAD=1 go test ./internal/endtoend -count=1 -v -timeout 20m \
		-run 'ThousandClients|TenThousandCalls|NeverRead|LargeBatch|WithoutDescriptors|TooMuchMemory|LittleMemory|ManyWorkers'

older: ## try this version with an earlier one, OLDER=COMMIT: folders taken over, clients and workers of each with the other
	@test '$(OLDER)' || { echo 'which one? make older OLDER=COMMIT' >&2; exit 2; }
	rm -rf bin/older && git worktree prune && git worktree add --detach bin/older $(OLDER)
	@trap 'git worktree remove --force bin/older' EXIT; set -x; \
	(cd bin/older && go build -o bin/whipper ./cmd/whipper) && \
	WHIPPER_OLDER=$(CURDIR)/bin/older go test ./internal/endtoend ./internal/matrix -p 1 -count=1 -timeout 20m \
		-run '^TestASupervisorTakesOverFromAnOlderOne|^TestClientsAndWorkersOfAnEarlierVersion'

# An input whose coverage hangs on how goroutines took turns cannot be made smaller, so that is not tried for long. A target that fails
# fails again, on the input that was found; Go before 1.27 also fails now and then because the time is over (go.dev/issue/75804).
FUZZTIME ?= 60s
fuzz: ## feed each parser with random input for FUZZTIME (60s); every go test runs what they begin with
	@fuzz() { echo "$$1 $$2"; go test -run '^$$' -fuzz "^$$2$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$1"; }; \
	for package in $(sort $(dir $(shell git grep -l '^func Fuzz' -- '*_test.go'))); do \
		for target in $$(go test -list '^Fuzz' "./$$package" | grep '^Fuzz'); do \
			fuzz "./$$package" "$$target" || fuzz "./$$package" "$$target" || exit 1; \
		done; \
	done

$(NODE_READY): sdk-node/package.json sdk-node/package-lock.json
	cd sdk-node && npm ci --no-audit --no-fund
	touch $@

$(SERVERS_READY): $(SERVERS)/package.json
	cd $(SERVERS) && npm install --no-package-lock --no-audit --no-fund
	touch $@

$(PYTHON_READY): sdk-python/pyproject.toml
	python3 -m venv sdk-python/.venv
	cd sdk-python && $(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
