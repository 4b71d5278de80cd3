# SPDX-License-Identifier: GPL-2.0-only
# make audit   audit the shipped minikernel; make audit TREE=linux [BUILD=build] [ARGS=...] audits a kernel
# make test    every check of this project
#
# Each sets up what it needs: Debian packages (as root; else it prints the command to run) and .venv.

PYTHON ?= python3
VENV   := .venv
CACHE  := .cache
BIN    := $(VENV)/bin

# The kernel that the tests read; setting both variables uses another one.
PTREGS_KERNEL_TREE  ?= $(CURDIR)/$(CACHE)/linux
PTREGS_KERNEL_BUILD ?= $(CURDIR)/$(CACHE)/build

KERNEL_PACKAGES := gcc make flex bison bc libelf-dev libssl-dev dwarves linux-source-6.1 xz-utils git perl vim

.PHONY: audit test lint types pytest kernel mutants bench clean
.DELETE_ON_ERROR:

audit: $(VENV)/.ready
	@$(BIN)/ptregs-audit audit --exit-zero $(if $(TREE),"$(TREE)") $(if $(BUILD),--build "$(BUILD)") $(ARGS)

test: lint types pytest

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

pytest: $(VENV)/.ready kernel
	PTREGS_KERNEL_TREE="$(PTREGS_KERNEL_TREE)" PTREGS_KERNEL_BUILD="$(PTREGS_KERNEL_BUILD)" \
		$(BIN)/pytest $(PYTEST_ARGS)

# Each deliberate mistake in the auditor must fail a test.
mutants: $(VENV)/.ready
	$(BIN)/python tests/mutants/run.py $(ARGS)

# CPU time of a cold audit against plain parses, or with ARGS="--again" of the audits after it; "--quick", "--repeat 3".
bench: $(VENV)/.ready kernel
	$(BIN)/python tests/bench/run.py --tree "$(PTREGS_KERNEL_TREE)" --build "$(PTREGS_KERNEL_BUILD)" $(ARGS)

kernel: $(VENV)/.ready
ifeq ($(origin PTREGS_KERNEL_TREE)$(origin PTREGS_KERNEL_BUILD),filefile)
	@tests/setup-system.sh $(KERNEL_PACKAGES)
	@tests/setup-kernel.sh $(CACHE) $(BIN)/ptregs-audit
endif

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tests/setup-system.sh python3 python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/pip install --quiet --editable '.[test]' >&2
	@touch $@

clean:
	rm -rf $(VENV) $(CACHE) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
