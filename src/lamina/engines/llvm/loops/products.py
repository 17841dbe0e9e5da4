"""Products that can be packed: their loops and operands, and when packing pays.

The schedule packs them (schedule/packing.py); a pass that would change such a product for caches in
another way leaves it alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Expr, Nest, loads_under, walk
from lamina.engines.llvm.loops.packed import operands
from lamina.engines.llvm.loops.schedule import Condition
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.types import is_static
from lamina.ir.typical import guess


@dataclass(frozen=True)
class Product:
    """The loops of a product, and its operands."""

    left: Var
    right: Var
    over: Var
    left_operand: Expr
    right_operand: Expr


def product_of(nest: Nest) -> Product | None:
    """Return the loops of a nest that can be packed."""
    over = [v for v in nest.reductions if v.extent != 1]
    if not nest.kind.is_contraction or len(over) != 1 or len(nest.accumulators) != 1:
        return None
    if nest.sequential_outer is not None or nest.split_reduction is not None:
        return None
    (acc,) = nest.accumulators
    expr = acc.expr
    if acc.kind != "sum" or expr.kind != "multiply" or acc.dtype != expr.dtype:
        return None
    if expr.dtype.name not in ("float32", "float64") or expr.args[0] is expr.args[1]:
        return None
    if any(e.kind in ("guard", "random_bits") for e in walk([expr])):
        return None
    if not all(over[0] in operand.vars for operand in expr.args):
        return None
    right = [
        v
        for v in nest.loops
        if all(s.index.coefficient(v) == 1 for s in nest.stores)
        and sum(v in operand.vars for operand in expr.args) == 1
    ]
    if len(right) != 1:
        return None
    right_operand = next(operand for operand in expr.args if right[0] in operand.vars)
    left = [v for v in nest.loops if v not in right_operand.vars]
    if not left:
        return None
    longest = max(left, key=lambda v: guess(v.extent))
    left_operand, _ = operands(nest, longest)
    if left_operand is right_operand:
        return None
    return Product(longest, right[0], over[0], left_operand, right_operand)


def packing_conditions(product: Product, costs: Costs) -> list[Condition] | None:
    """Return the conditions under which packing pays: none if it always does; None if never."""
    left, right, over = product.left, product.right, product.over
    limits = {left: costs.packed_rows, right: costs.packed_rows, over: costs.packed_terms}
    unknown = [v for v in limits if not is_static(v.extent)]
    known = {v: int(v.extent) for v in limits if is_static(v.extent)}
    if len(unknown) > 1 or any(extent < limits[v] for v, extent in known.items()):
        return None
    if right_along(product) is over:
        needed, counted = costs.packed_transposed, [left, right, over]
    else:
        needed, counted = costs.packed_bytes // product.right_operand.dtype.itemsize, [right, over]
    at_hand = math.prod(known[v] for v in counted if v in known)
    if all(v in known for v in counted):
        if at_hand < needed:
            return None
        return [Condition(v, limits[v], below=False) for v in unknown]
    (var,) = unknown
    least = max(limits[var], -(-needed // at_hand))
    return [Condition(var, least, below=False)] if least <= costs.packed_unknown else None


def along(operand: Expr, usual: Var, other: Var) -> Var:
    """Return the loop along which an operand is copied: the other one if only it is contiguous."""
    loads = [e.params["index"] for e in loads_under([operand]) if e.vars]

    def contiguous(var: Var) -> int:
        return sum(index.coefficient(var) == 1 for index in loads)

    return other if contiguous(other) > contiguous(usual) else usual


def right_along(product: Product) -> Var:
    """Return the loop along which the right operand is copied: over, by in-register transposes."""
    loop = along(product.right_operand, product.right, product.over)
    return loop if loop is product.right or _is_transposed(product) else product.right


def _is_transposed(product: Product) -> bool:
    """True if squares of registers can transpose the right operand."""
    for load in loads_under([product.right_operand]):
        index = load.params["index"]
        step, along = index.coefficient(product.right), index.coefficient(product.over)
        if step == 0 and along in (0, 1):
            continue
        if step is None or not is_static(step) or along != 1:
            return False
    return True
