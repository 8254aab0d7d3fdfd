# Needs Python 3.11 or newer, and make; everything else goes into .venv.
#   make demo     the whole system in the foreground: site, broker, worker, simulated gateways
#   make test     every check and test, on PostgreSQL and on SQLite
.DEFAULT_GOAL := demo
.PHONY: demo test check bench soak lock vendor parts clean

CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3)
FOUND := $(shell for python in $(CANDIDATES); do \
	$$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r

demo: export DEMO := 1
demo: .venv/demo.stamp
	@$(BIN)/python manage.py demo $(ARGS)

test: export DEMO := 1
test: check parts
	$(BIN)/python -m pytest -n 3
	$(BIN)/python -m pytest -n 2 --sqlite --again -m "not e2e and not faults and not slow and not postgres"

check: export DEMO := 1
check: .venv/test.stamp
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

parts: .venv/test.stamp
	@scripts/parts

BENCHES := press ingest streams scan first_scan pages imports labels actions soak neighbours doors
bench: export DEMO := 1
bench: .venv/test.stamp parts
	@for each in $(BENCHES); do echo "== $$each"; $(BIN)/python -m "bench.$$each" || failed="$$failed $$each"; done; \
	test -z "$$failed" || { echo "Missed its bar:$$failed"; exit 1; }

# Long rounds of what `make test` does a short one of. Each has its number: a failing one can be had again.
ROUNDS := 100
soak: export DEMO := 1
soak: .venv/test.stamp
	SOAK_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -n 2 tests/test_sequences.py tests/tenants/groups/test_tree.py \
		tests/provisioning/presence/test_rotating_code.py tests/provisioning/presence/test_challenge.py
	$(BIN)/python -m bench.stops

# Vendors' clients that would take the place of what the tests need: an environment each.
APART := murano thingsboard
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe \
	--strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: .venv/test.stamp
	$(COMPILE) -o requirements/base.txt pyproject.toml
	$(COMPILE) -c requirements/base.txt --extra demo -o requirements/demo.txt pyproject.toml
	$(COMPILE) -c requirements/demo.txt --extra demo --extra test -o requirements/test.txt pyproject.toml
	$(COMPILE) -c requirements/test.txt -o requirements/vendors.txt requirements/vendors.in
	for each in $(APART); do $(COMPILE) -o requirements/$$each.txt requirements/$$each.in; done

vendor: .venv/demo.stamp
	$(BIN)/python static/vendor/update.py

clean:
	rm -rf .venv staticfiles var .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/python.stamp:
	@test -n "$(FOUND)" || { echo "Handover needs Python 3.11 or newer with venv: none of '$(CANDIDATES)' is one." \
		"On Debian: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3." >&2; exit 2; }
	@echo "Setting up .venv with $(FOUND)"
	@$(FOUND) -m venv --clear .venv
	@touch $@

.venv/demo.stamp: requirements/demo.txt | .venv/python.stamp
	@echo "Installing the locked requirements of the demo"
	@$(INSTALL) $<
	@touch $@

# Vendors' own SDKs are built for few machines: elsewhere all other tests run, and those with them say what is missing.
.venv/test.stamp: requirements/test.txt requirements/vendors.txt $(APART:%=requirements/%.txt) | .venv/demo.stamp
	@echo "Installing the locked requirements of the tests"
	@$(INSTALL) $<
	@$(INSTALL) requirements/vendors.txt || echo "SKIPPED: no vendor's SDK could be installed on this machine (requirements/vendors.txt)." >&2
	@for each in $(APART); do \
		{ $(BIN)/python -m venv --clear .venv/$$each && \
		.venv/$$each/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$$each.txt; } || \
		echo "SKIPPED: requirements/$$each.txt could not be installed on this machine." >&2; done
	@touch $@
