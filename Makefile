# A verb for each thing one does; `make` alone lists them.
# A fresh machine needs Python 3.11 or newer, and nothing else: the rest goes to .venv.

PYTHON ?= python3
BIN := .venv/bin
FOLDERS := actors conf http storage

.DEFAULT_GOAL := help
.PHONY: help run test simulate crash check format lint types bench docs clean

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-8s %s\n", $$1, $$2 }'

run: .venv/run.stamp ## serve on http://localhost:8042, with the files in ./RepertoryStorage
	@$(BIN)/repertory $(ARGS)

test: .venv/test.stamp ## run the tests; ARGS="-k deletes -x" goes to pytest
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --maxprocesses 6 --dist loadfile --no-loadscope-reorder $(ARGS)

simulate: .venv/test.stamp ## simulate crashes and failures: SEEDS=5000 many runs, SEED=123 one, NODES=2 nodes
	@$(BIN)/python -m repertory.testing.simulate \
		$(if $(SEED),--seed $(SEED) --shrink --story,--seeds $(or $(SEEDS),1000)) --nodes $(or $(NODES),1) $(ARGS)

crash: .venv/test.stamp ## kill the server at random moments, CRASHES=20 times under each load
	REPERTORY_CRASHES=$(or $(CRASHES),20) $(BIN)/python -m pytest tests/journeys/test_crash.py $(ARGS)

check: .venv/check.stamp ## what a change must pass: format, lint, types, tests
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory lint types test

format: .venv/check.stamp ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --select I --fix .

lint: .venv/check.stamp ## look for faults that can be seen in the text
	$(BIN)/ruff check .

# At the root mypy would see ./repertory alone, find one file and report success: it gets the
# tree as it is installed, and has to say that it checked all of it. It counts files, and folders
# without __init__.py.
types: .venv/check.stamp ## check the types
	@rm -rf build/typing && mkdir -p build/typing/repertory
	@for part in repertory/*; do ln -s "$(CURDIR)/$$part" build/typing/repertory/; done
	@for part in $(FOLDERS); do ln -s "$(CURDIR)/$$part" "build/typing/repertory/$$part"; done
	@MYPYPATH=build/typing $(BIN)/mypy -p repertory > build/typing/report \
		|| { cat build/typing/report; exit 1; }
	@cat build/typing/report; \
	there=$$(find repertory $(FOLDERS) \( -name '*.py' -o -type d ! -name __pycache__ \
		! -exec test -e {}/__init__.py \; \) -print | wc -l | tr -d ' '); \
	seen=$$(sed -n 's/.* in \([0-9]*\) source files*.*/\1/p' build/typing/report); \
	[ "$$seen" -ge "$$there" ] || { echo "mypy checked $$seen files of $$there." >&2; exit 1; }
	@MYPYPATH=build/typing $(BIN)/mypy docs

bench: .venv/test.stamp ## measure beside Orthanc (ARGS="--peer none": alone)
	$(BIN)/python bench/run.py $(ARGS)

docs: .venv/test.stamp ## write docs/reference and conf/defaults.json anew from the code
	$(BIN)/python docs/build.py

clean: ## remove what was built; the archive in ./RepertoryStorage stays
	rm -rf .venv build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Each stamp says that what it is named after is installed as setup.cfg wants it.

.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Repertory needs Python 3.11 or newer, and $(PYTHON) is \
	$$($(PYTHON) --version 2>/dev/null || echo not there). Is there another? make PYTHON=python3.12 …" >&2; exit 1; }
	@rm -rf .venv
	@echo "Making .venv with $$($(PYTHON) --version)."
	@# Debian keeps ensurepip in a package of its own (python3-venv); pip alone will do as well.
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear --without-pip .venv \
			&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } \
		|| { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment: \
	on Debian and Ubuntu, apt install python3-venv." >&2; exit 1; }
	@touch $@

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --editable

.venv/run.stamp: .venv/made.stamp setup.cfg setup.py
	$(INSTALL) .
	@touch $@

.venv/test.stamp: .venv/made.stamp setup.cfg setup.py
	$(INSTALL) '.[test]'
	@touch $@ .venv/run.stamp

.venv/check.stamp: .venv/made.stamp setup.cfg setup.py
	$(INSTALL) '.[check]'
	@touch $@ .venv/test.stamp .venv/run.stamp
