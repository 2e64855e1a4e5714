"""`python -m kanpde VERB ...` does what `kanpde VERB ...` does."""

from __future__ import annotations

import sys

from kanpde.cli import main

sys.exit(main())
