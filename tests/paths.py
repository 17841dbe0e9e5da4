"""Paths of the tests, and of the files that they read."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
TOOLS = ROOT / "tools"
