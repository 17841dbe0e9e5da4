"""What all tests share."""

import os
import signal

import pytest

os.environ["COLUMNS"] = "80"  # tables are as wide as the terminal


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_raises():
    """SIGINT raises KeyboardInterrupt: a shell has the jobs in its background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
