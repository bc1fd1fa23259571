# `make` lists the targets: what stands behind ## is their help.

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults test-walk bed check fuzz agreement bench bench-convert generate image clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show the operator at work on real servers; with KEEP=1 they stay up until Ctrl-C.
	@KEEP='$(KEEP)' demo/run

test: ## Run every check and every test, against real servers.
	@tests/run test

test-faults: ## Run the whole failure matrix and crash sweep, of which `make test` takes a sample (minutes).
	@tests/run faults

test-walk: ## Walk at random over 300 specs, of which `make test` takes 30 (KUO_WALK_SEED repeats a walk).
	@tests/run walk

check: ## Check everything that needs no server: the loop of the day, before each commit.
	@tests/run check

bed: ## Start the test bed in the foreground; its last line tells another shell how to use it.
	@tests/bed/bed up

fuzz: ## Give the converter documents that nobody wrote, for a minute.
	@tests/run fuzz

agreement: ## Let our rules and a real API server judge 10,000 specs.
	@tests/run agreement

bench: ## Measure the operator with 500, 2,000 and 10,000 accounts (an hour); N=500 is quick.
	@N='$(N)' ONLY='$(ONLY)' benches/scale/run

bench-convert: ## Measure the converter beside xmllint and xsltproc.
	@benches/convert/run

generate: ## Write crds/, the chart's copies of them and docs/reference.md anew.
	@tests/run generate

image: ## Build the container image with buildah and check it; as root on Debian, not a part of `make test`.
	@tests/image

clean: ## Remove what cargo built; the programs of the test bed stay in their cache.
	@cargo clean
