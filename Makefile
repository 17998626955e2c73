# What this project can do; `make help` lists it. Needs python3.11 or newer with venv, and make.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
RUN := .venv/bin/
T ?= tests
# The shop under fire and under inspection. What these run the others measure too, and measuring
# them doubles their time.
UNMEASURED := tests/payments/test_event_storm.py tests/races tests/crashes tests/machine tests/sums tests/audit \
	tests/journeys tests/mail/test_poison.py tests/mail/test_survival.py
# Where money and stock are counted every line and every branch is taken by a test.
EXACT := shop/kit/money.py,shop/tax/*,shop/stock/*,shop/discounts/*,shop/checkout/*,shop/payments/*
ROOM ?= tax

.PHONY: help demo test check prove audit bench mutants fix translations

help:  ## list these commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/for-running  ## start a complete demo shop (PORT=8000, SHOP_DATA=var/demo)
	@exec $(RUN)python -m shop.cli demo

test: .venv/for-developing  ## everything: format, lint, types, import rules, all tests on both databases and in a browser
	@sh tests/system.sh
	@$(MAKE) --no-print-directory check
ifeq ($(T),tests)
	$(RUN)pytest -n 2 --dist worksteal --cov --cov-report=term $(UNMEASURED:%=--ignore=%)
	$(RUN)coverage report --include="$(EXACT)" --fail-under=100
	$(RUN)pytest -n 2 --dist worksteal $(UNMEASURED)
else
	$(RUN)pytest -n 2 --dist worksteal $(T)
endif
	@sh tests/system.sh --left-out

check: .venv/for-developing  ## the fast half: format, lint, types, import rules, templates
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports
	$(RUN)djlint templates --lint --quiet

prove: .venv/for-developing  ## the long proofs, from where they were ended (PART=races, AGAIN=1; docs/proof.md)
	@$(RUN)python -m tests.prove $(if $(AGAIN),--again) $(PART)

audit: .venv/for-developing  ## every page, state, width, scheme and language through axe-core, HTML validators and Lighthouse
	@sh tests/system.sh
	@$(RUN)python -m tests.audit

bench: .venv/for-developing  ## how fast it is, beside a peer, in half an hour; writes docs/performance.md (PART=growth, QUICK=1)
	@sh tests/system.sh --bench
	@$(RUN)python -m tests.benchmarks $(if $(QUICK),--quick) $(PART)

mutants: .venv/for-developing  ## break ROOM=tax in every small way: do the tests notice? (docs/mutants.md)
	$(RUN)python -m tests.mutants $(ROOM)

fix: .venv/for-developing  ## format, and mend what can be mended by itself
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

translations: .venv/for-developing  ## bring translations/*.po up to date with the code
	$(RUN)python -m tests.translations

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/for-running: requirements.lock | .venv/bin/python
	$(RUN)pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(RUN)pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/for-developing: requirements-dev.lock | .venv/bin/python
	$(RUN)pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(RUN)pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ .venv/for-running
