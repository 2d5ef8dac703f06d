"""`python -m app` is `rgbd-fer`."""

import sys

from app.application import main

sys.exit(main())
