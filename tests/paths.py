"""Where the tests, and the files that they read, are."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
TOOLS = ROOT / "tools"
