# Each long-running program takes the place of its recipe's shell (exec): it is make's own child and
# gets the signals that make gets.
MAKEFLAGS += --no-print-directory
# Or each of many hundred processes would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help demo test test-sops test-mutants test-databases test-crash test-signals test-hostile \
	test-standins lint bench readme lock crds clean venv servers

PYTHON := .venv/bin/python
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

# Tests mostly wait. Each worker has servers of its own; a file's tests stay together, for what they
# share.
PYTEST := $(PYTHON) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# A slow table is one file, or a few of very different length: a worker that is free takes tests over.
# Each is looked for where it is, and no worker reads all the other tests.
PYTEST_TABLE := $(PYTHON) -m pytest --dist worksteal --numprocesses

# What the image installs to build the wheel.
define BUILD_REQUIREMENTS
import pathlib, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
print(*project["build-system"]["requires"], sep="\n")
endef
lock: export BUILD_REQUIREMENTS := $(BUILD_REQUIREMENTS)

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

demo: venv ## show the operator at work on a real API server (DEMO_ARGS=--keep leaves it up)
	@exec env PYTHONPATH=tests DEMO_PARENT=$$PPID $(PYTHON) -m demo $(DEMO_ARGS)

test: servers ## run every test but the slow tables below
	@exec $(PYTEST) -m "not databases and not crash and not signals and not hostile and not standins"

test-sops: venv ## run the shipped SOPs' own tests: each row is reached, and by observations
	@exec .venv/bin/servicesop test --observed --fail-under 100 manifests/sops

test-mutants: venv ## change the shipped SOPs: each change has to fail one of the SOP's own tests
	@exec env PYTHONPATH=tests $(PYTHON) -m mutation manifests/sops/*

test-databases: servers ## run the database tests on older versions of PostgreSQL (a slow table)
	@exec $(PYTEST) -m "databases and not hostile" tests/integration

test-crash: servers ## kill the operator at each request of an action (a slow table)
	@exec $(PYTEST_TABLE) 5 -m crash tests/e2e

test-signals: servers ## end the demo by each signal at each moment (a slow table)
	@exec $(PYTEST_TABLE) 2 -m signals tests/e2e

test-hostile: servers ## feed hostile patterns, SQL, hosts, logs and rows (a slow table)
	@exec $(PYTEST_TABLE) 4 -m hostile tests/integration tests/unit/checks

test-standins: servers ## let what the shipped SOPs are for happen in stand-ins (a slow table)
	@exec $(PYTEST_TABLE) 5 -m standins tests/e2e

lint: venv ## check style, types, layers, lock files and generated files
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --quiet --check
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-cache --no-logo
	@$(PYTHON) .ci/check_lock.py
	@$(PYTHON) -m servicesop.cli.generate_crd --check
	@$(PYTHON) -m servicesop.cli.generate_docs --check
	@$(PYTHON) -m servicesop.cli.generate_runbooks --check
	@.venv/bin/servicesop lint manifests/sops
	@echo "lint: passed"

bench: venv ## measure CPU, memory, requests and detection time (BENCH_ARGS=--help says which sizes)
	@exec env PYTHONPATH=tests $(PYTHON) -m bench $(BENCH_ARGS)

readme: venv ## run the README's commands in a fresh clone with an empty cache (takes long)
	@exec env PYTHONPATH=tests $(PYTHON) -m readme $(README_ARGS)

lock: venv ## renew requirements/*.txt after a change of pyproject.toml
	@$(COMPILE) pyproject.toml -o requirements/run.txt
	@$(COMPILE) pyproject.toml --extra test -c requirements/run.txt -o requirements/test.txt
	@$(COMPILE) pyproject.toml --extra test --extra dev -c requirements/test.txt \
		-o requirements/dev.txt
	@$(PYTHON) -c "$$BUILD_REQUIREMENTS" | $(COMPILE) - -c requirements/test.txt \
		-o requirements/build.txt

crds: venv ## generate crds/, docs/reference.md and the runbooks from the models
	@$(PYTHON) -m servicesop.cli.generate_crd
	@$(PYTHON) -m servicesop.cli.generate_docs
	@$(PYTHON) -m servicesop.cli.generate_runbooks

clean: ## remove what make has made in this directory
	@rm -rf .venv .venv.new .venv.old dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf .import_linter_cache operator/*.egg-info
	@find operator tests .ci -name __pycache__ -prune -exec rm -rf {} +

venv:
	@exec .ci/set-up

# Before the tests, whose output pytest captures: a build of minutes has to be seen.
servers: venv
	@exec env PYTHONPATH=tests $(PYTHON) -m testbed
