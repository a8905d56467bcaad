# ProPerSim. `make simulate` runs the whole experiment, `make test` every test.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# A count of inputs, not a time: before Go 1.27 the end of a time can fail a target that found nothing (https://go.dev/issue/75804).
FUZZTIME ?= 20000x
# the commit whose contracts the present ones must not break
BASELINE ?= $(shell grep -v '^\#' proto/BASELINE)
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
export PATH := $(CURDIR)/.bin:$(PATH)

# the packages of the product, and those of the module test/
PACKAGES := ./...
TESTS := ./... ./test/...

.PHONY: help simulate build install-check test test-models test-worker test-gpu test-compose test-compose-models test-kubernetes bench-compose lint generate proto-check bench fuzz get tidy tools generators grpcurl

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

simulate: ## run the experiment: 32 people, 14 days, an assistant that learns every night
	go run ./cmd/propersim simulate --personas all --days 14 --method proper

build: ## build the program into .bin/propersim (2 minutes from nothing on 2 cores, seconds after that)
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o .bin/propersim ./cmd/propersim

install-check: ## check that go install .../cmd/propersim@VERSION works, without publishing anything
	go test -count 1 ./test/install

test: .bin/gotestsum ## run every test of both modules, and list those that were skipped (5 to 10 minutes on 2 cores)
	gotestsum --format pkgname-and-test-fails --format-icons text --format-hide-empty-pkg -- -timeout 30m $(TESTS)

WORKER_PYTHON ?= $(HOME)/.cache/propersim/train/bin/python
WORKER_BASE ?= $(HOME)/.cache/propersim/smollm2-135m
test-worker: ## test the QLoRA worker on a CPU (needs the packages of its requirements.lock and a base model)
	WORKER_PYTHON=$(WORKER_PYTHON) deploy/ci/worker.sh
	PROPERSIM_TEST_WORKER_PYTHON=$(WORKER_PYTHON) PROPERSIM_TEST_WORKER_BASE=$(WORKER_BASE) \
	  go test -count 1 -run QLoRA ./services/trainer

test-gpu: ## play three days of a person on a whole GPU node, on this CPU: training worker, vLLM, adapters (6 to 15 minutes; MODE=alternate for one card)
	deploy/ci/gpu.sh

test-compose: .bin/grpcurl ## test the containers with Docker, end to end (KILLS=20 DAYS=60 for the long form)
	deploy/ci/compose.sh
	deploy/ci/compose-profiles.sh
	deploy/ci/compose-scale.sh

test-kubernetes: .bin/grpcurl ## test the Helm chart on a Kubernetes cluster of its own (root on Debian; DAYS=14 FIRE_DAYS=14 STEP=2m30s BLOWS=20 for the full form)
	deploy/ci/kubernetes/test.sh

test-compose-models: ## test the profile "models" with Docker: a real small model in every role of the containers (4 minutes on 2 free cores)
	deploy/ci/compose-models.sh

test-models: ## play two hours of a person with a real small model in every role, on this CPU
	deploy/ci/models.sh

bench-compose: ## measure steps per second in containers and in one process
	deploy/ci/compose-speed.sh

lint: tools ## check format, vet, golangci-lint (with staticcheck) and the contracts' style
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go vet $(TESTS)
	golangci-lint run $(TESTS)
	buf lint

generate: generators ## generate the Go code of the contracts
	buf generate

proto-check: generators ## check the contracts: style, no change that breaks proto/BASELINE, generated code up to date
	buf lint
	@# the contracts of the baseline, with the imported files that git does not keep
	@rm -rf .bin/against && mkdir -p .bin/against
	@git archive $(BASELINE) buf.yaml proto | tar -x -C .bin/against && mkdir -p .bin/against/proto/deps && cp -r proto/deps/buf .bin/against/proto/deps/
	buf breaking --against .bin/against
	buf generate
	@git diff --exit-code --stat -- proto/gen || { echo "proto/gen is not what the contracts generate: run make generate"; exit 1; }

bench: ## measure a step, a call, a search and a night of training
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

fuzz: ## try FUZZTIME inputs on every fuzz target
	@set -e; for package in $$(go list $(PACKAGES)); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

get: ## add or update a requirement of the root module: make get MODULE=example.org/x@v1.2.3
	GOWORK=off go run -C tools ./release get $(MODULE)

tidy: ## go mod tidy in every module
	GOWORK=off go run -C tools ./release tidy

tools: generators ## build buf, the generators, grpcurl and golangci-lint into .bin (4 minutes from nothing on 2 cores)
	@cd tools/lint && GOWORK=off GOBIN=$(CURDIR)/.bin go install tool

generators: proto/deps/buf/validate/validate.proto
	@mkdir -p .bin
	@cd tools && GOWORK=off GOBIN=$(CURDIR)/.bin go install tool
	@GOBIN=$(CURDIR)/.bin go install google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc

grpcurl: .bin/grpcurl ## build grpcurl, which calls the services by hand, into .bin (seconds)

.bin/grpcurl:
	@mkdir -p .bin
	@cd tools && GOWORK=off GOBIN=$(CURDIR)/.bin go install github.com/fullstorydev/grpcurl/cmd/grpcurl

.bin/gotestsum:
	@mkdir -p .bin
	@cd tools && GOWORK=off GOBIN=$(CURDIR)/.bin go install gotest.tools/gotestsum

proto/deps/buf/validate/validate.proto:
	@mkdir -p proto/deps
	GOWORK=off go run -C tools ./protodeps ../proto/deps
