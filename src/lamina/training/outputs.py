"""One value for each output of a model: of a list in order, of a dictionary by name, or alone."""

from __future__ import annotations

from collections.abc import Sequence

from lamina import tree
from lamina.errors import ArgumentError
from lamina.training.protocol import Nest


def aligned(
    nest: Nest,
    names: Sequence[str],
    what: str,
    shared: bool = False,
    needed: Sequence[bool] | None = None,
) -> list[object]:
    """One entry an output: of a dict by their names, of a nest in order, of one value alone, or of
    as many values as outputs that need one."""
    if isinstance(nest, dict) and set(nest) <= set(names):
        return [nest.get(name) for name in names]
    if isinstance(nest, (list, tuple)) and len(nest) == len(names) and any(v is None for v in nest):
        return list(nest)
    leaves = tree.leaves(nest)
    if not leaves or (shared and len(leaves) == 1):
        return [leaves[0] if leaves else None] * len(names)
    if needed is not None and len(leaves) == sum(needed) < len(names):
        given = iter(leaves)
        return [next(given) if need else None for need in needed]
    if len(leaves) != len(names):
        raise ArgumentError(
            f"{what}: {len(leaves)} arrays for {len(names)} outputs ({', '.join(names)})",
            hint="give one for each output, in order, or a dict by the outputs' names",
        )
    return leaves
