"""Graph to graph: the same values with less work."""

from lamina.rewrite.hoisting import hoist_loops
from lamina.rewrite.simplify import simplify
from lamina.rewrite.sinking import sink_sums

__all__ = ["hoist_loops", "simplify", "sink_sums"]
