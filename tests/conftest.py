"""What all tests share."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_raises():
    """SIGINT raises KeyboardInterrupt: a shell has the jobs in its background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
