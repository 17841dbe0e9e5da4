"""Graph to graph: the same values with less work."""

from lamina.rewrite.defer_accumulation import defer_accumulation
from lamina.rewrite.loop_invariants import hoist_invariants
from lamina.rewrite.simplify import simplify

__all__ = ["hoist_invariants", "simplify", "defer_accumulation"]
