# The commands a person calls; .ci/run calls the same.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test test-slow soak models lint install install-dev clean

# What compiles (hnswlib) needs these; say so before pip fails with a page of text.
define check_tools
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or 3.12 is needed: install it, or name it with 'make PYTHON=...'"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { echo "Python 3.11 or 3.12 is needed, $(PYTHON) is $$($(PYTHON) -V): name another with 'make PYTHON=...'"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is needed: on Debian, 'apt install python3-venv'"; exit 2; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "Python's headers are needed: on Debian, 'apt install python3-dev'"; exit 2; }
	@command -v $${CXX:-c++} >/dev/null || { echo "a C++ compiler is needed: on Debian, 'apt install g++ python3-dev'"; exit 2; }
endef

$(VENV)/installed: requirements.txt
	$(check_tools)
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --progress-bar on -r requirements.txt
	touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	$(RUN) -m pip install --disable-pip-version-check --progress-bar on -r requirements-dev.txt
	touch $@

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

demo: $(VENV)/installed
	$(RUN) run_pipeline.py demo

models: $(VENV)/installed
	$(RUN) run_pipeline.py models

lint: $(VENV)/installed-dev
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

test: lint models
	$(RUN) -m pytest -m "not slow and not soak" --maxfail 25

# Whole protocols on the real faces of FACESTREAM_TEST_DATA.
test-slow: $(VENV)/installed-dev models
	$(RUN) -m pytest -m slow --timeout 1200

# What goes wrong around live cameras, for as long as it takes: about 45 minutes.
soak: $(VENV)/installed-dev models
	$(RUN) -m pytest -m soak --timeout 3600

docs/demo.svg: $(VENV)/installed
	$(RUN) docs/demo_svg.py

clean:
	rm -rf $(VENV) data models demo.mp4 .mypy_cache .ruff_cache .pytest_cache
