"""Loop nests: index algebra, expressions, buffers."""
