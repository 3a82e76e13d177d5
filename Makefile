# Score Jacobian Chaining for Blender. `make` lists the targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# uv does not read pip's settings. A folder of wheels that pip is told of (PIP_FIND_LINKS) is used by uv too.
empty :=
space := $(empty) $(empty)
comma := ,
ifneq ($(strip $(PIP_FIND_LINKS)),)
export UV_FIND_LINKS ?= $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))
endif
# Which build of torch: auto (what the graphics card needs), cpu, cu130, ... Where such a folder has one, that one.
torch_wheels := $(wildcard $(addsuffix /torch-*.whl,$(subst $(comma),$(space),$(UV_FIND_LINKS))))
export TORCH_BACKEND ?= $(if $(torch_wheels),,auto)

version = $(shell sed -n 's/^version = "\(.*\)"/\1/p' blender_manifest.toml)
package = build/sjc_blender-$(version).zip
extension_cli_45 := build/bpy45/lib/python3.11/site-packages/bpy/4.5/scripts/addons_core/bl_pkg/cli/blender_ext.py
extension_cli_52 := build/bpy52/lib/python3.13/site-packages/bpy/5.2/scripts/addons_core/bl_pkg/cli/blender_ext.py

lint_parts := lint-style lint-format lint-rooms types-engine types-addon-45 types-addon-52
# The longest come first: two are made at a time.
test_parts := test-engine test-blender test-addon-45 test-addon-52 test-farm test-faults test-tools test-package site

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## */  make \1\t/' | expand -t 24

# ---- Environments -------------------------------------------------------------------------------------------------

environments := engine bpy45 bpy52 lint stubs45 stubs52 site-tools
.PHONY: setup
setup: $(environments:%=build/%/.ready)  ## Create the environments in build/, or update them (a few minutes)

build/tools/.ready: requirements/tools.txt
	python3 -m venv build/tools
	build/tools/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# An environment is updated when its requirements change, never rebuilt.
environment = scripts/make_environment.sh $(1) $(@D) $(2) '$(3)' $(filter requirements/%,$^)

build/engine/.ready: requirements/engine.txt requirements/torch.txt requirements/engine-tests.txt requirements/farm.txt | build/tools/.ready
	@$(call environment,,3.11,import torch)
build/bpy45/.ready: requirements/bpy45.txt | build/tools/.ready
	@$(call environment,--optional,3.11,import bpy)
build/bpy52/.ready: requirements/bpy52.txt | build/tools/.ready
	@$(call environment,--optional,3.13,import bpy)
build/lint/.ready: requirements/lint.txt | build/tools/.ready
	@$(call environment,,3.11,import importlinter)
build/stubs45/.ready: requirements/stubs45.txt | build/tools/.ready
	@$(call environment,,3.11,)
build/stubs52/.ready: requirements/stubs52.txt | build/tools/.ready
	@$(call environment,,3.11,)

build/site-tools/.ready: requirements/site.txt | build/tools/.ready
	@$(call environment,,3.11,import mkdocs)

.PHONY: requirements
requirements: build/tools/.ready  ## Compile requirements/engine.txt, torch.txt and tools.txt with hashes
	scripts/compile_requirements.sh

# ---- The main job ---------------------------------------------------------------------------------------------------

PROMPT ?= a red chair
PRESET ?= standard
.PHONY: demo
demo: build/engine/.ready build/bpy52/.ready  ## Make an object in a scene with a camera rig, and render it (PROMPT="a blue duck")
	@[ -e build/bpy52/.ready ] || $(MAKE) build/bpy45/.ready
	@scripts/demo.sh '$(PROMPT)' $(PRESET) build/demo

.PHONY: gallery
gallery: build/engine/.ready build/bpy52/.ready  ## Make all pictures of docs/gallery.md (PRESET=draft: a trial in build/gallery)
	@scripts/gallery.sh $(if $(filter command line,$(origin PRESET)),$(PRESET))

.PHONY: screenshots
screenshots: build/engine/.ready build/bpy52/.ready package  ## Make the manual's pictures of the interface in a windowed Blender (WINDOWED_BLENDER="COMMAND")
	@scripts/screenshots.sh $(package)

# ---- Measurements ---------------------------------------------------------------------------------------------------

# BENCH_ARGS is handed on, for instance BENCH_ARGS="--only renderer threads".
REFERENCE ?=
.PHONY: bench
bench: build/engine/.ready build/bpy45/.ready build/bpy52/.ready  ## Measure time and memory; results in build/bench.md and .json (REFERENCE=checkout of the authors' code)
	@$(MAKE) --no-print-directory package || echo "There is no zip whose size could be told."
	@build/engine/bin/python -m benchmarks.speed $(if $(REFERENCE),--reference '$(REFERENCE)') $(BENCH_ARGS)

# PROMPTS names a text file with a prompt a line; MODEL is on this computer already.
.PHONY: bench-public bench-cuda
bench-public: build/engine/.ready  ## Make an object of every prompt with a large model and measure them (MODEL=, PROMPTS=FILE, PUBLIC_ARGS=)
	@build/engine/bin/python -m benchmarks.public --model '$(MODEL)' --prompts '$(PROMPTS)' $(PUBLIC_ARGS)
bench-cuda: build/engine/.ready  ## Test and measure on an NVIDIA card, in at most eight minutes
	@scripts/cuda_checks.sh

# A farm of local processes, killed at random: every job has its result, computed once.
FARM_ARGS ?= --jobs 1000 --kills 200 --restarts 5
.PHONY: bench-farm
bench-farm: build/engine/.ready  ## Run a farm on this machine, with kills and restarts (minutes; FARM_ARGS="--jobs 10000 --kills 0 --restarts 0")
	@build/engine/bin/python -m benchmarks.farm $(FARM_ARGS)

# ---- Checks ---------------------------------------------------------------------------------------------------------

.PHONY: test
test: setup  ## Run everything that CI runs: lint, types, all tests in the engine's Python and in both Blenders, the package
	@$(MAKE) --no-print-directory package || true  # without a Blender, the part that needs the zip says so
	@PACKAGE_IS_BUILT=yes scripts/run_parts.sh $(lint_parts) $(test_parts)

# The parts of `make test` that say soonest whether a change is sound.
quick_parts := lint-style lint-format lint-rooms test-engine test-addon-52
.PHONY: test-quick
test-quick: setup  ## Run lint and the tests that are not marked slow, in Blender 5.2 (a few minutes)
	@PYTEST_ARGS='-m "not slow" $(PYTEST_ARGS)' scripts/run_parts.sh $(quick_parts)

.PHONY: lint
lint: setup  ## Run ruff, mypy and the import contracts
	@scripts/run_parts.sh $(lint_parts)

.PHONY: format
format: build/lint/.ready  ## Format the code, apply ruff's fixes, and write the generated pages of the docs
	build/lint/bin/ruff check --fix-only .
	build/lint/bin/ruff format .
	build/lint/bin/python scripts/settings_page.py
	build/lint/bin/python scripts/families_page.py
	build/lint/bin/python scripts/code_page.py

.PHONY: $(lint_parts) $(filter-out site,$(test_parts))
lint-style: build/lint/.ready
	@build/lint/bin/ruff check .
lint-format: build/lint/.ready
	@build/lint/bin/ruff format --check .
lint-rooms: build/lint/.ready
	@PYTHONPATH=. build/lint/bin/lint-imports --no-cache
types-engine: build/lint/.ready build/engine/.ready
	@scripts/run_mypy.sh build/engine 3.11 sjc_blender/protocol sjc_blender/surface sjc_blender/stand_in sjc_blender/engine sjc_blender/farm training $(wildcard benchmarks/*.py benchmarks/speed/*.py) benchmarks/quality benchmarks/public
types-addon-45: build/lint/.ready build/stubs45/.ready
	@scripts/run_mypy.sh build/stubs45 3.11 sjc_blender/__init__.py sjc_blender/addon benchmarks/in_blender
types-addon-52: build/lint/.ready build/stubs52/.ready
	@scripts/run_mypy.sh build/stubs52 3.13 sjc_blender/__init__.py sjc_blender/addon benchmarks/in_blender

# PYTEST_ARGS is handed on, for instance PYTEST_ARGS="-x -k cameras"; each test has a time limit of its own (pyproject.toml).
# The Python that the add-on's tests start engines with.
export SJC_ENGINE_PYTHON ?= $(CURDIR)/build/engine/bin/python

test-engine: build/engine/.ready  ## Test the protocol and the engine
	@scripts/run_pytest.sh build/engine tests/protocol tests/engine
test-faults: build/engine/.ready  ## Test failing system calls, kills and hostile input (short form)
	@scripts/run_pytest.sh build/engine tests/faults tests/fuzz
test-farm: build/engine/.ready  ## Test a farm of processes on this machine
	@scripts/run_pytest.sh build/engine tests/farm
test-tools: build/engine/.ready  ## Test the training and the benchmarks
	@scripts/run_pytest.sh build/engine tests/training tests/benchmarks
test-addon-45: build/bpy45/.ready build/engine/.ready  ## Test the add-on in Blender 4.5
	@scripts/run_pytest.sh build/bpy45 tests/addon
test-addon-52: build/bpy52/.ready build/engine/.ready  ## Test the add-on in Blender 5.2
	@scripts/run_pytest.sh build/bpy52 tests/addon
test-package: $(if $(PACKAGE_IS_BUILT),,package) build/engine/.ready  ## Test the zip, its installation and its imports
	@NETWORK=yes SJC_PACKAGE=$(abspath $(package)) scripts/run_pytest.sh build/engine tests/package
# A Blender program, with the words that start it, and those that give it a window; .ci/run names the one of its machine.
test-blender: $(if $(PACKAGE_IS_BUILT),,package) build/engine/.ready  ## Test all documented commands, and mouse clicks, in a Blender program (SJC_BLENDER="blender")
	@SJC_PACKAGE=$(abspath $(package)) scripts/test_blender.sh

# ---- Faults ---------------------------------------------------------------------------------------------------------

.PHONY: faults
faults: build/engine/.ready  ## Fail every kind of system call of a job, kill 200 runs, and check that nothing is lost (an hour; FAULTS_ARGS="--calls 5")
	@build/engine/bin/python -m tests.faults.campaign $(FAULTS_ARGS)

.PHONY: fuzz
fuzz: build/engine/.ready  ## Fuzz every reader of outside data, guided by coverage (FUZZ_ARGS="--inputs 1000000", or MINUTES=10)
	@build/engine/bin/python -m tests.fuzz $(if $(FUZZ_ARGS),$(FUZZ_ARGS),--minutes $(or $(MINUTES),10))

# ---- Quality --------------------------------------------------------------------------------------------------------

# Which rows, objects and seeds; docs/quality.md and `build/engine/bin/python -m benchmarks.quality --help` list them all.
QUALITY_ARGS ?= --rows standard paper paper-48 high --colours 8 --seeds 3 --json docs/quality.json
.PHONY: bench-quality bench-quality-smoke bench-meshes
bench-quality: build/engine/.ready  ## Make and measure every object of the built-in prior (hours; an interrupted run continues)
	@build/engine/bin/python -m benchmarks.quality $(QUALITY_ARGS)
bench-quality-smoke: build/engine/.ready  ## Check that six objects are recognised after a Draft job (a few minutes)
	@build/engine/bin/python -m benchmarks.quality --smoke --out build/quality-smoke
bench-meshes: build/engine/.ready build/bpy52/.ready  ## Check that Blender opens every mesh of bench-quality with its texture (MESHES_ARGS="--blender PYTHON")
	@build/engine/bin/python -m benchmarks.quality.meshes $(MESHES_ARGS)

# ---- Package --------------------------------------------------------------------------------------------------------

.PHONY: package
package: build/bpy45/.ready build/bpy52/.ready build/site-tools/.ready  ## Build the extension's zip, validated by both Blenders (WEBSITE=address of its publisher)
	@build/tools/bin/python scripts/stage_package.py build/package '$(WEBSITE)'
	@build/site-tools/bin/python scripts/manual_pages.py build/package/manual
	@scripts/build_package.sh build/package $(package) $(extension_cli_45) $(extension_cli_52)

# ---- Docs -----------------------------------------------------------------------------------------------------------

.PHONY: site
site: build/site-tools/.ready  ## Build the documentation as a web site in build/site; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 build/site-tools/bin/mkdocs build --quiet --clean
	@echo "build/site/index.html: $$(find build/site -name '*.html' | wc -l) pages"

# ---- Release --------------------------------------------------------------------------------------------------------

CHANNEL ?= latest
.PHONY: release
release: package  ## Add the zip to a static extension repository in build/release (CHANNEL=stable or latest, WEBSITE=its address)
	@scripts/build_release.sh build/release $(CHANNEL) $(package) $(firstword $(wildcard $(extension_cli_52) $(extension_cli_45)))

# ---- Cleaning -------------------------------------------------------------------------------------------------------

.PHONY: clean
clean:  ## Remove build results; keep the environments
	rm -rf build/package build/*.zip build/logs build/mypy build/pytest build/ruff
	find sjc_blender tests training scripts -name __pycache__ -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## Remove the environments too; keep trained weights and measurements in build/
	rm -rf build/tools $(environments:%=build/%)
