# make run [CT=<folder>] [OUT=<folder>]   contour a planning CT; a synthetic patient where none is given
# make test [ARGS=...]                    all tests
# make lint                               formatting, types, layers, protos
# make serve                              the gRPC service and the review page
# make page                               the review page's bundle, after a change of its sources
#
# Needs python3 (3.11) with venv. Everything else goes into .venv; a stamp there keeps repeated calls quick.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= out
CT     ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint serve page clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -7

# torch first and alone: its pin decides the build, and an open range elsewhere must not choose another one.
TORCH := $(shell sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "contour needs Python 3.11, found " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.torch: $(VENV)/.made
	@echo "Installing $(TORCH) (once)"
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	@echo "Installing contour (once)"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.developed: $(VENV)/.installed tests/nnunet.txt
	@echo "Installing the test tools (once)"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --requirement tests/nnunet.txt
	touch $@

out/phantom/ct: | $(VENV)/.installed
	$(BIN)/contour phantom out/phantom

ifeq ($(strip $(CT)),)
run: out/phantom/ct
endif
run: $(VENV)/.installed
	@mkdir -p '$(OUT)'
	@$(BIN)/contour plan '$(if $(strip $(CT)),$(CT),out/phantom/ct)' --out '$(OUT)/RS.dcm' --preview '$(OUT)/preview.png'

test: $(VENV)/.developed
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python ops/protos.py --lint
	$(BIN)/python ops/protos.py --check

serve: $(VENV)/.installed
	@$(BIN)/contour serve

# The page's bundle is in the repository; this makes it anew from its sources and needs node with npm.
page:
	cd contour/review/web && npm ci --no-audit --no-fund && npm run check && npm run build

clean:
	rm -rf $(VENV) out
