"""The engines that tests are run on, as parameters: xla is skipped where jax is missing."""

from importlib.util import find_spec

import pytest

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
XLA = pytest.param("xla", marks=needs_jax)
COMPILED = ["llvm", XLA]
ENGINES = ["numpy", *COMPILED]
