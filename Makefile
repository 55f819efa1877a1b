# Two commands do everything, set-up included: make verify, make test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: verify test fast test-slow every coverage coverage-others recipes mutation lint format completion accessibility site clean

# Wherever Python is asked to write no bytecode: some hundred child processes import the packages.
export PYTHONDONTWRITEBYTECODE :=

verify: .venv/installed
	$(BIN)/conv-reference verify torch.nn.functional:conv2d
	$(BIN)/python -m analytic

# Side by side: mypy has one core, for half a minute where it has no cache. `make test TESTS=every`
# is all that CI runs.
TESTS := fast
test: .venv/installed
	$(MAKE) --no-print-directory --jobs=2 lint $(TESTS)

# One thread for each process: the tests already run on every core.
fast test-slow every: export OMP_NUM_THREADS ?= 1
fast: .venv/installed
	$(BIN)/python -m pytest -n auto -m "not slow"

# All tests, and coverage, as CI has them: none is run twice, and hardly one is collected twice.
# Without make's own flags: ninja would look for the pipe of --jobs, which no test's process has.
every: .venv/installed coverage
	env -u MAKEFLAGS $(BIN)/python -m pytest -n auto $(THEIR_TESTS:%=--only-slow-of=%)

# Every planted fault, wheels, compilers, the chapter's page in a browser: minutes; CI runs them.
test-slow: .venv/installed
	$(BIN)/python -m pytest -n auto -m slow

# Branches of rooms, by their own tests; fails below the floor in pyproject.toml. A room is a folder
# of conv_reference/verification, or one of these; `edges` are the modules that are in no folder.
ROOMS := checks gate known model plan report trial
SOURCE_analytic := analytic
SOURCE_chapter := conv_reference.chapter
SOURCE_completion := conv_reference.completion
SOURCE_reference := $(subst /,.,$(basename $(wildcard conv_reference/[!_]*.py)))
SOURCE_edges := $(subst /,.,$(basename $(wildcard conv_reference/verification/[!_]*.py)))
TESTS_analytic := tests/analytic
TESTS_chapter := tests/conv_reference/chapter
TESTS_completion := tests/conv_reference/test_completion.py
TESTS_reference := $(wildcard tests/conv_reference/test_*.py)
TESTS_edges := $(wildcard tests/conv_reference/verification/test_*.py)
TESTS_options := tests/conv_reference/verification/test_options.py
sources = $(or $(SOURCE_$(1)),conv_reference.verification.$(1))
tests = $(or $(TESTS_$(1)),tests/conv_reference/verification/$(1))
THEIR_TESTS = $(sort $(foreach room,$(ROOMS),$(call tests,$(room))))
THEIR_SOURCES = $(foreach room,$(ROOMS),$(call sources,$(room)))
COMMA := ,
coverage: export OMP_NUM_THREADS ?= 1
coverage: .venv/installed
	$(BIN)/coverage erase
	$(BIN)/coverage run --source=$(subst $() ,$(COMMA),$(strip $(THEIR_SOURCES))) \
		-m pytest -q -n auto -m "not slow" $(THEIR_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(FLOOR:%=--fail-under=%)

# Those of rooms whose tests judge whole targets, or in children: minutes more, so on request. Of
# each was measured, on 2026-11-29: diagnosis 95, step 88, target 94, work 92 in a hundred.
# The rest are measured apart, so that what they lack hides nothing of those: analytic 99, audit 66,
# conformance 99, console 86, detection 86, faults 77 (slow tests put all of them to cases), reading
# 92, reference 95, running 89, store 94.
DEAR := diagnosis step target work
REST := analytic audit chapter commands completion conformance console detection edges faults
REST += frameworks options reading reference running store
coverage-others:
	$(MAKE) coverage ROOMS="$(DEAR)" FLOOR=92
	$(MAKE) coverage ROOMS="$(REST)" FLOOR=85

# The recipes of docs/recipes.md followed in a copy, and every test run there: as many minutes as
# `make fast`. CI runs those that name what a recipe adds to, and put no case to a target.
recipes: .venv/installed
	RECIPES_EVERY=1 $(BIN)/python -m pytest -q tests/test_contributing.py -k needs_to_be_touched

# Which small changes no test notices: a sample, on request (docs/contributing.md).
mutation: export OMP_NUM_THREADS ?= 1
mutation: .venv/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt "mutmut==3.8.1"
	$(BIN)/python benchmarks/mutation.py

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What shells read to complete the command, after an option has changed.
completion: .venv/installed
	$(BIN)/python -m pip install --quiet "shtab==1.13.0"
	$(BIN)/python -m benchmarks.completion
	git diff --stat conv_reference/completion

# What axe-core finds in the pages, in the system's Chromium; PAGES names further ones.
accessibility: .venv/installed
	mkdir -p build
	npm pack --silent --pack-destination build axe-core@4.14.1
	tar -xzf build/axe-core-4.14.1.tgz -C build package/axe.min.js
	$(BIN)/python -m benchmarks.accessibility build/package/axe.min.js $(PAGES)

# The documentation as a site, in build/site; a warning, as of a broken link, is an error.
site: .venv/installed
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/site

clean:
	rm -rf .venv mutants build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Of 15,000 modules a few thousand are ever imported: Python compiles those, and pip none. Where the
# environment keeps Python from writing what it compiled, each process would compile torch again,
# which takes longer than most of what it is begun for.
unexport PYTHONDONTWRITEBYTECODE

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt --group dev -e ".[chapter]"
	touch $@
