"""Fixtures of all tests."""

import os
import signal

import pytest

os.environ["COLUMNS"] = "80"  # tables are as wide as the terminal


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_raises():
    """SIGINT raises KeyboardInterrupt: a shell has the jobs in its background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def settings_as_before():
    """Undo the settings that a test assigns, also by undoing a change."""
    from lamina.settings import settings

    before = dict(settings.assigned)
    yield
    settings.assigned.clear()
    settings.assigned.update(before)
