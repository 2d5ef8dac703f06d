# make demo    set up if needed, then replay the bundled sample subjects
# make test    set up if needed, then linters, types, import contracts, tests
# make fuzz    damaged files for every reader, EXAMPLES=N of each (1000), others each time
# make bundle  the application with its own Python, in dist/rgbd-fer (packaging/README.md)
# make clean   remove the environment and everything that was built

PYTHON := .venv/bin/python
READY := .venv/.ready

# The bundle's own environment: no tools of developers, and PyTorch without CUDA if it can be had.
BUNDLE_VENV := build/bundle-venv
BUNDLE_READY := $(BUNDLE_VENV)/.ready
TORCH_INDEX := https://download.pytorch.org/whl/cpu

EXAMPLES ?= 1000

.PHONY: demo test fuzz setup bundle clean

demo: $(READY)
	@if $(PYTHON) -m app.start.display; then \
		$(PYTHON) -m app --source sample; \
	else \
		$(PYTHON) -m app --source sample --headless --output demo-output; \
	fi

test: $(READY)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m pytest -m "not hardware and not gpu and not slow"

fuzz: $(READY)
	FUZZ_EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest tests/test_fuzz.py

setup: $(READY)

# The stamp makes a second run start at once; it is renewed when a list of requirements changes.
$(READY): pyproject.toml packaging/constraints.txt packaging/system-packages.txt
	packaging/install-system-packages
	packaging/create-venv
	$(PYTHON) -m pip install --quiet --constraint packaging/constraints.txt --editable ".[dev]"
	touch $(READY)

bundle: $(BUNDLE_READY)
	$(BUNDLE_VENV)/bin/python -m PyInstaller --noconfirm --log-level WARN \
		--distpath dist --workpath build/bundle packaging/rgbd-fer.spec
	@du -sh dist/rgbd-fer

$(BUNDLE_READY): pyproject.toml packaging/constraints.txt packaging/system-packages.txt
	packaging/install-system-packages
	packaging/create-venv $(BUNDLE_VENV)
	packaging/install-torch $(BUNDLE_VENV) "$(TORCH_INDEX)"
	$(BUNDLE_VENV)/bin/python -m pip install --quiet --constraint packaging/constraints.txt \
		--editable ".[study,bundle]"
	touch $(BUNDLE_READY)

clean:
	rm -rf .venv demo-output build dist
