"""Where the bridge's tests find the specimens of their neighbours."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
for place in ("committee", "contracts"):
    sys.path.append(str(TESTS / place))
