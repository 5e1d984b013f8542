# What people type; what happens is in packaging/, so that CI and people run the same.

.DEFAULT_GOAL := help
.PHONY: help run test bench lint fmt model samples release deb check torture load small

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-9s %s\n", $$1, $$2 }'

run: ## fetch the model, build, start with the sample documents, and say how to sign in
	@packaging/run

test: ## the whole test suite
	@packaging/test

bench: ## measure search and, beside others' programs, embedding and generation on this machine (builds for speed first)
	@packaging/bench

lint: ## formatting, clippy, shell scripts, sample documents
	@packaging/lint

fmt: ## format the source
	@cargo fmt

model: ## fetch the embedding model, once
	@packaging/fetch-model

samples: ## make the sample PDF and DOCX anew from their texts
	@packaging/make-samples

release: ## the static release binary
	@packaging/release

deb: ## the Debian package
	@packaging/deb

check: ## install the package in a booted Debian without a network and ask it a question (as root)
	@packaging/check

torture: ## kill it N times (100) while documents go in, then count them
	@packaging/torture $(N)

load: ## N readers (50) of streamed answers at once for S seconds (120): no wrong word, and memory that stays flat
	@packaging/load $(or $(N),50) $(or $(S),120)

small: ## the whole appliance in the memory of a small server, by the kernel's limit (as root, after make release)
	@packaging/small-server
