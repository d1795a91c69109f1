# Usage Ledger. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/usage-ledger
STAMP := .venv/.installed
# One worker a core; tests/kit/groups.py says which tests stay together.
PYTEST := $(BIN)/python -m pytest -n logical
DEMO := fireworks openai anthropic openrouter replicate groq aws_bedrock azure_openai google_vertex_ai authress
BENCH_STAMP := .venv-bench/.installed
BIGQUERY_STAMP := .venv-bigquery/.installed
BOARDS_STAMP := .venv-boards/.installed
AIRFLOW_STAMP := .venv-airflow-$(VERSION)/.installed
PRICES_STAMP := .venv-prices/.installed
FOCUS_STAMP := .venv-focus/.installed
SBOM_STAMP := .venv-sbom/.installed
AXE := tests/browser/node_modules/axe-core/axe.min.js
# The validator of FOCUS needs Python 3.12; pyenv's own folder is looked into where it is on no path.
FOCUS_PYTHON ?= $(shell for python in python3.12 python3.13 $(HOME)/.pyenv/versions/3.12*/bin/python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2> /dev/null && echo $$python && break; done)
BOARDS_PYTHON ?= $(shell for python in python3.11 $(HOME)/.pyenv/versions/3.11*/bin/python3 $(PYTHON); do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null && echo $$python && break; done)

# Dags, timetable, listener, connection forms, page, installing, and a whole stack.
MEETS_AIRFLOW := tests/dags tests/page/test_access.py tests/install

.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# Pinned and hashed; byte-compiled, because that halves every start.
$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "make: Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "  installing the environment: $$(grep -c '^[a-z]' requirements.lock) packages, a minute or more …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-uv.lock
	@$(BIN)/uv pip install $$(test -t 2 || echo -q) --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

environment: $(STAMP) ## Make the environment: pinned, hashed, byte-compiled

demo: $(STAMP) ## See it work: stand-ins, real Airflow, 14 days in PostgreSQL; PROVIDERS=all for ten providers
	@$(RUN) stack demo $(if $(PROVIDERS),--providers "$(PROVIDERS)")

up: $(STAMP) ## Start the local stack: PostgreSQL and Airflow
	@$(RUN) stack up

down: ## Stop what `make demo` or `make up` started
	@test -x $(RUN) && $(RUN) stack down || echo "nothing was installed, so nothing runs"

test: $(STAMP) ## Run every test, on every core
	@$(PYTEST)

test-airflow: $(STAMP) $(AIRFLOW_STAMP) ## Run the tests that meet Airflow on another minor release of it: VERSION=3.2
	@.venv-airflow-$(VERSION)/bin/python -m pytest -n logical $(MEETS_AIRFLOW)

$(AIRFLOW_STAMP): $(STAMP) $(wildcard requirements-airflow-*.lock)
	@test -f requirements-airflow-$(VERSION).lock || { echo "make test-airflow: set VERSION to one of $(patsubst requirements-airflow-%.lock,%,$(wildcard requirements-airflow-*.lock)); the newest is what make test has" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv-airflow-$(VERSION)
	@$(BIN)/uv pip install -q --python .venv-airflow-$(VERSION)/bin/python --require-hashes --compile-bytecode -r requirements-airflow-$(VERSION).lock -r requirements-uv.lock
	@$(BIN)/uv pip install -q --python .venv-airflow-$(VERSION)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

test-quick: $(STAMP) ## Run the tests of units, contracts, architecture and declarations
	@$(PYTEST) -q tests/unit tests/contracts tests/architecture tests/providers/test_declarations.py --ignore tests/architecture/test_new_provider.py

test-celery: $(STAMP) ## Load a month on two Celery workers; OPTIONS="--losses", "--dates 3", "--executor LocalExecutor"
	@$(BIN)/python -m pytest -q -s -p no:xdist tests/celery $(OPTIONS)

soak: $(STAMP) ## Run the faults with long numbers: 20,000 answers, 200 rounds, every kill; then the mutants
	@ANSWERS=$(or $(ANSWERS),20000) ROUNDS=$(or $(ROUNDS),200) KILLS=all $(PYTEST) tests/faults tests/security
	@$(BIN)/python tests/mutants.py

check: $(STAMP) ## Lint, types, data contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@for contract in data_contracts/*.yaml; do $(BIN)/datacontract lint $$contract > /dev/null || exit 1; done
	@echo "all checks passed"

chaos: $(STAMP) ## Kill, restart and lie at random for ROUNDS rounds, then compare with the truth
	@$(BIN)/python tests/chaos.py --rounds $(or $(ROUNDS),2000) $(if $(SEED),--seed $(SEED))

answers: $(STAMP) ## Generate and spoil ANSWERS answers; each becomes its sums or a named error
	@ANSWERS=$(or $(ANSWERS),1000000) SEED=$(SEED) $(BIN)/python -m pytest -q tests/faults/test_generated_answers.py

mutants: $(STAMP) ## Break the product on purpose, a guard at a time: does a test notice?
	@$(BIN)/python tests/mutants.py

bill-faults: $(STAMP) ## Put each fault into a month's bill, usage and prices; write what the verdict says of it
	@$(BIN)/python tests/bill_faults.py

mart-columns: $(STAMP) ## Write the columns of every mart down, which may grow at the end alone from then on
	@$(BIN)/python tests/kit/mart_columns.py

fix: $(STAMP) ## Format, and mend what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) $(BENCH_STAMP) ## Measure the full path beside dlt, pandas and the floor; memory, growth, cold starts, status
	@$(BIN)/python benchmarks/bench.py --rounds $(or $(ROUNDS),5)
	@$(BIN)/python benchmarks/status.py
	@$(BIN)/python benchmarks/commands.py

bench-airflow: $(STAMP) $(BENCH_STAMP) ## Measure what connections cost Airflow, beside empty Dags; takes an hour
	@$(BIN)/python benchmarks/bench_airflow.py $(OPTIONS)

anomalies: $(STAMP) ## Measure how well the score of anomalies tells a strange day from a clean one; two minutes
	@$(BIN)/python benchmarks/anomalies.py

$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@$(PYTHON) -m venv --clear .venv-bench
	@$(BIN)/uv pip install -q --python .venv-bench/bin/python --require-hashes --compile-bytecode -r requirements-bench.lock
	@touch $@

axe: $(AXE) ## Install axe-core from npm, for the tests in Chromium alone

$(AXE): tests/browser/package-lock.json
	@cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

screenshots: $(STAMP) ## Take the pictures of the documentation from the demo that runs, in Chromium
	@PYTHONPATH=tests:. $(BIN)/python tests/screenshots.py

bigquery: $(BIGQUERY_STAMP) ## Make the environment of the BigQuery emulator; tests use it where it is there

$(BIGQUERY_STAMP): $(STAMP) requirements-bigquery.lock
	@$(PYTHON) -m venv --clear .venv-bigquery
	@$(BIN)/uv pip install -q --python .venv-bigquery/bin/python --require-hashes --compile-bytecode -r requirements-bigquery.lock
	@touch $@

boards: $(STAMP) $(BOARDS_STAMP) ## Show boards/superset in a Superset of our own, with the demo's figures; OPTIONS=--stay keeps it
	@$(BIN)/python boards/render.py $(OPTIONS)

# Its packages are for Python 3.11.
$(BOARDS_STAMP): $(STAMP) requirements-boards.lock
	@test -n "$(BOARDS_PYTHON)" || { echo "make boards: Python 3.11 is needed; set BOARDS_PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "  installing Superset …"
	@$(BOARDS_PYTHON) -m venv --clear .venv-boards
	@$(BIN)/uv pip install -q --python .venv-boards/bin/python --require-hashes --compile-bytecode -r requirements-boards.lock
	@touch $@

prices: $(PRICES_STAMP) ## Convert the public price catalogues to a dated file in include/prices
	@.venv-prices/bin/python catalogues/convert.py $(DATE)

$(PRICES_STAMP): $(STAMP) requirements-prices.lock
	@$(PYTHON) -m venv --clear .venv-prices
	@$(BIN)/uv pip install -q --python .venv-prices/bin/python --require-hashes --no-deps -r requirements-prices.lock
	@touch $@

licences: $(STAMP) ## List every locked package with its licence, as a Markdown table
	@$(BIN)/python .ci/licences.py

sbom: $(SBOM_STAMP) ## List the locked packages in CycloneDX, on standard output, checked against its schema
	@.venv-sbom/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --mc-type application --output-reproducible --validate -o -

$(SBOM_STAMP): $(STAMP) requirements-sbom.lock
	@$(PYTHON) -m venv --clear .venv-sbom
	@$(BIN)/uv pip install -q --python .venv-sbom/bin/python --require-hashes -r requirements-sbom.lock
	@touch $@

focus: $(STAMP) $(FOCUS_STAMP) ## Check the export in FOCUS by its official validator, and inject faults; needs Python 3.12
	@PYTHONPATH=tests:. $(BIN)/python -m focus.conformance

focus-python:
	@test -n "$(FOCUS_PYTHON)"

$(FOCUS_STAMP): $(STAMP) requirements-focus.lock
	@test -n "$(FOCUS_PYTHON)" || { echo "make focus: Python 3.12 is needed; set FOCUS_PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(FOCUS_PYTHON) -m venv --clear .venv-focus
	@$(BIN)/uv pip install -q --python .venv-focus/bin/python --require-hashes -r requirements-focus.lock
	@touch $@

new-provider: $(STAMP) ## Write a provider from the templates: NAME=acme TITLE="Acme AI"
	@$(BIN)/python templates/new_provider.py $(NAME) $(if $(TITLE),"$(TITLE)")
	@$(BIN)/ruff check -q --fix usage_ledger tests
	@$(BIN)/ruff format -q usage_ledger tests

docs: $(STAMP) ## Write the parts of the documentation that are made of the code
	@$(BIN)/python tests/kit/documentation.py

lock: $(STAMP) ## Lock the newest allowed versions, with hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev --extra local --extra celery --extra s3 --extra bedrock --extra azure --extra vertex --extra openlineage -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev --group airflow-3-2 --extra local --extra s3 --extra bedrock --extra azure --extra vertex --extra openlineage -o requirements-airflow-3.2.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:bench -o requirements-bench.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:bigquery -o requirements-bigquery.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:boards -o requirements-boards.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:prices -o requirements-prices.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-deps --group pyproject.toml:price-map >> requirements-prices.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:sbom -o requirements-sbom.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:focus -o requirements-focus.lock

clean: down ## Remove the environment and the local stack with its data
	@rm -rf .venv .venv-bench .venv-bigquery .venv-boards .venv-focus .venv-prices .venv-sbom .venv-airflow-* .local tests/browser/node_modules $(foreach name,$(DEMO),include/connections/$(name)_demo.yaml)
