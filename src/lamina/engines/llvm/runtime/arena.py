"""Memory planning: offsets of temporaries in the arena; those never live together share memory."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.engines.llvm.target.machine import ALIGNMENT


def plan(sizes: Sequence[int], lives: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    """Offsets for blocks of the given sizes and lifetimes (phases, both ends included), and the
    arena's size. The largest are placed first, each at the lowest offset that is free."""
    offsets = [0] * len(sizes)
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    total = 0
    for k in sorted(range(len(sizes)), key=lambda k: -sizes[k]):
        size = -(-max(sizes[k], 1) // ALIGNMENT) * ALIGNMENT
        first, last = lives[k]
        rivals = sorted(p for p in placed if p[2] <= last and first <= p[3])
        offset = 0
        for begin, end, _, _ in rivals:
            if begin - offset >= size:
                break
            offset = max(offset, end)
        offsets[k] = offset
        placed.append((offset, offset + size, first, last))
        total = max(total, offset + size)
    return offsets, total
