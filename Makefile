# make check is the one gate: what passes it may go to main.

GO        ?= go
BIN       := $(CURDIR)/bin
LINT      := v2.15.0
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.version=$(VERSION)
# SQLite is C turned into Go: its memory isn't Go's, so that the race detector
# sees nothing there, but asks at every access, which takes four fifths of the time.
UNWATCHED := $(foreach package,libc memory sqlite/lib,-gcflags=modernc.org/$(package)=-race=false)

.PHONY: build test check format lint tidy race test-engines test-faults e2e screenshots bench bench-engines fuzz generate run demo clean

build: ## both programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN)/ ./cmd/...

test: ## what a machine with only Go can run
	$(GO) test ./...

check: tidy format lint race ## everything

tidy: ## go.mod says what the code uses
	$(GO) mod tidy -diff
	$(GO) mod verify

format: $(BIN)/golangci-lint
	$(BIN)/golangci-lint fmt --diff

lint: $(BIN)/golangci-lint
	$(GO) vet ./...
	$(BIN)/golangci-lint run ./...

race: ## the tests in random order under the race detector
	$(GO) test -race $(UNWATCHED) -shuffle=on -timeout 20m ./...

test-engines: ## the stores against real servers, which it installs and starts
	./scripts/engines.sh test

test-faults: ## kill -9 and worse; a quarter of an hour, then a line for each figure
	./scripts/faults.sh

e2e: ## the pages in Chromium, which it installs with axe-core, against a fleet that lives
	./scripts/e2e.sh test

screenshots: ## pictures of all pages, light, dark and on a phone, into docs/screenshots
	./scripts/e2e.sh screenshots

bench: ## the figures that the README promises
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) test -count=1 -run TestFigures -v ./test/load -figures

bench-engines: ## our series stores beside InfluxDB and VictoriaMetrics, three minutes: fails where a goal is missed
	./scripts/engines.sh bench

fuzz: ## each fuzz target for 30 s
	./scripts/fuzz.sh 30s

generate: ## code from api/openapi.yaml
	$(GO) generate ./...

run: ## the server on this machine
	$(GO) run ./cmd/barograph serve

demo: ## a simulated fleet, a day in 24 s
	$(GO) run ./cmd/barograph demo

clean:
	rm -rf $(BIN)

$(BIN)/golangci-lint:
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT)
