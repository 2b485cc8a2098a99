# The front door. Each target does its own set-up; `make` alone lists them.
#
# What is made once per machine (builds of Python, environments for tests and benchmarks) goes to a cache folder outside
# the checkout: $RICKHOUSE_CACHE, else ~/.cache/rickhouse.

APP     ?= hello
HOST    ?= 127.0.0.1
PORT    ?= 8000
ARGS    ?=
# A version such as 3.12 or 3.13t, or an executable; empty is the newest that serves.
PYTHON  ?=
# For tests: which Python builds, and which tests.
PYTHONS ?=
K       ?=

.DEFAULT_GOAL := help
.PHONY: help serve build test test-rust test-e2e test-httpd lint bench bench-httpd pythons clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make serve APP=django_site PORT=8080 ARGS="--gil own --interpreters 2"'
	@echo '  make test PYTHONS="3.13 3.13t" K=keepalive'

serve:  ## Serve an example: APP=hello|flask_app|django_site, PORT=8000, ARGS="--threads 4"
	@PYTHON='$(PYTHON)' scripts/serve '$(APP)' '$(HOST):$(PORT)' $(ARGS)

build:  ## Leave a release build in .venv (rickhouse and mod_wsgi.so): PYTHON=3.12 or a path
	@scripts/build --python '$(PYTHON)'

test:  ## Run every check and test: PYTHONS="3.13 3.13t", K=expression
	@scripts/run-tests --pythons '$(PYTHONS)' -k '$(K)'

test-rust:  ## Run the tests of the crates only
	@scripts/run-tests --only rust --pythons '$(PYTHONS)' -k '$(K)'

test-e2e:  ## Run the end-to-end tests of the server only
	@scripts/run-tests --only e2e --pythons '$(PYTHONS)' -k '$(K)'

test-httpd:  ## Run the end-to-end tests of mod_wsgi.so only
	@scripts/run-tests --only httpd --pythons '$(PYTHONS)' -k '$(K)'

lint:  ## Check format, lints and documentation
	@scripts/run-tests --only lint --pythons '$(PYTHONS)'

bench: build  ## Compare with other servers, side by side: ARGS=...
	@bench/run $(ARGS)

bench-httpd: build  ## Compare mod_wsgi.so with mod_wsgi, side by side: ARGS=...
	@bench/run-httpd $(ARGS)

pythons:  ## List the builds of Python that tests use, making those that are missing
	@scripts/python-builds

clean:  ## Remove what was built in the checkout (not the cache folder)
	rm -rf target target-* .venv dist
