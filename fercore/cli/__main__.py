"""Lets `python -m fercore.cli` run the command."""

import sys

from fercore.cli import main

sys.exit(main())
