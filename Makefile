# make demo    set up if needed, then replay the bundled sample subjects
# make test    set up if needed, then linters, types, import contracts, tests
# make clean   remove the environment and everything that was built

PYTHON := .venv/bin/python
READY := .venv/.ready

.PHONY: demo test setup clean

demo: $(READY)
	@if $(PYTHON) -m app.display; then \
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

setup: $(READY)

# The stamp makes a second run start at once; it is renewed when a list of requirements changes.
$(READY): pyproject.toml packaging/constraints.txt packaging/system-packages.txt
	packaging/install-system-packages
	packaging/create-venv
	$(PYTHON) -m pip install --quiet --constraint packaging/constraints.txt --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf .venv demo-output build dist
