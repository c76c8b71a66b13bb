"""``python -m repertory`` is the command ``repertory``."""

import sys

from repertory.cli import main

sys.exit(main())
