# ProPerSim. `make simulate` runs the whole experiment; `make test` every test.
.DEFAULT_GOAL := help
SHELL := /bin/bash
FUZZTIME ?= 10s
# the state that contracts must not break: the last one but one
AGAINST ?= $(shell git log -2 --format=%H -- proto/propersim | tail -1)
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
export PATH := $(CURDIR)/.bin:$(PATH)

.PHONY: help simulate build test test-compose bench-compose lint generate proto-check bench fuzz tools

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

simulate: ## 32 people, 14 days, an assistant that learns every night
	go run ./cmd/propersim simulate --personas all --days 14 --method proper

build: ## the binary, in .bin
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o .bin/propersim ./cmd/propersim

test: ## every test
	go test ./...

test-compose: .bin/grpcurl ## the constellation on a Docker engine, end to end (KILLS=20 DAYS=60: the long form)
	deploy/ci/compose.sh
	deploy/ci/compose-profiles.sh
	deploy/ci/compose-scale.sh

bench-compose: ## steps per second in containers, and in one process
	deploy/ci/compose-speed.sh

lint: tools ## format, vet, staticcheck, contracts
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	staticcheck ./...
	buf lint

generate: tools ## the contracts' Go code
	buf generate

proto-check: tools ## contracts: lint, nothing broken, generated code up to date
	buf lint
	@# what main has, with the imported files that git does not keep
	@rm -rf .bin/against && mkdir -p .bin/against
	@git archive $(AGAINST) buf.yaml proto | tar -x -C .bin/against && cp -r proto/deps/buf .bin/against/proto/deps/
	buf breaking --against .bin/against
	buf generate
	@git diff --exit-code --stat -- proto/gen || { echo "proto/gen is not what the contracts generate: run make generate"; exit 1; }

bench: ## a step, an rpc, a search, a night's training
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

tools: proto/deps/buf/validate/validate.proto ## buf, generators, staticcheck and grpcurl, in .bin
	@mkdir -p .bin
	@cd tools && GOWORK=off GOBIN=$(CURDIR)/.bin go install tool
	@GOBIN=$(CURDIR)/.bin go install google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc

.bin/grpcurl:
	@mkdir -p .bin
	@cd tools && GOWORK=off GOBIN=$(CURDIR)/.bin go install github.com/fullstorydev/grpcurl/cmd/grpcurl

proto/deps/buf/validate/validate.proto:
	go run ./proto/deps proto/deps
