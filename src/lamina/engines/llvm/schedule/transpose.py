"""In-register transposes: maps that read along one loop and write along another."""

from __future__ import annotations

from typing import Any

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Expr, Nest, walk
from lamina.ir.types import is_static


def transposed_loop(nest: Nest, vector: Var, lanes: int) -> Var | None:
    """Return the loop along which loads are contiguous that `vector` would gather, if squares of
    `lanes` iterations of both tile the nest exactly."""
    exprs = list(walk(nest.roots()))
    if nest.accumulators or lanes < 2 or any(e.kind == "guard" for e in exprs):
        return None
    loads = [e for e in exprs if e.kind == "load" and _steps(e, vector) not in (0, 1)]
    for loop in nest.loops:
        if loop is vector or not loads or not all(is_transposed(e, vector, loop) for e in loads):
            continue
        whole = all(is_static(v.extent) and v.extent % lanes == 0 for v in (loop, vector))
        side_by_side = all(s.index.coefficient(vector) == 1 for s in nest.stores)
        return loop if whole and side_by_side else None
    return None


def is_transposed(load: Expr, vector: Var, loop: Var) -> bool:
    """True if a load has a known stride greater than 1 along `vector`, and 1 along `loop`."""
    step = _steps(load, vector)
    return step not in (None, 0, 1) and is_static(step) and _steps(load, loop) == 1


def _steps(load: Expr, var: Var) -> Any:
    return load.params["index"].coefficient(var)
