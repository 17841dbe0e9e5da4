"""Graph to graph: the same values with less work."""

from lamina.rewrite.simplify import simplify

__all__ = ["simplify"]
