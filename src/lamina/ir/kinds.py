"""The classification of primitives and their approximate costs: one table for all passes.

    SOURCE         a value without operands: parameters, constants, iota, sizes
    ELEMENTWISE    one element of the result from the elements at the same place
    VIEW           elements of one operand at other places, which an affine index gives
    GUARDED_VIEW   elements of several operands; which one, bounds decide
    INDIRECT_VIEW  elements of one operand at places that are read from another
    GENERATOR      elements from a counter
    MARKER         the operand itself, marked for the compiler or for the gradient
    ELEMENT        one of the results of a node with several
    REDUCTION      many elements of one operand combined
    CONTRACTION    sums of products of two operands
    WINDOW         a reduction over a sliding window
    OPAQUE         hand-written code, outside of the language of loop nests
    CONTROL        a loop or branch, which holds graphs

`cost` is the number of instructions for one element on a CPU with vectors (a polynomial counts its
terms). It decides what is cheap enough to compute again, never what is computed. `flops` is what an
element counts in reported operations. `moves`: it only moves elements, so 16-bit floats, which are
storage, may pass through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """See the module's table."""

    SOURCE = auto()
    ELEMENTWISE = auto()
    VIEW = auto()
    GUARDED_VIEW = auto()
    INDIRECT_VIEW = auto()
    GENERATOR = auto()
    MARKER = auto()
    ELEMENT = auto()
    REDUCTION = auto()
    CONTRACTION = auto()
    WINDOW = auto()
    OPAQUE = auto()
    CONTROL = auto()


@dataclass(frozen=True)
class Row:
    """A primitive's kind, cost, reported operations (by default its cost), and whether it moves."""

    kind: Kind
    cost: int = 0
    flops: int | None = None
    moves: bool = False


def _arithmetic(**costs: int) -> dict[str, Row]:
    """Elementwise primitives that count as many operations as they cost."""
    return {name: Row(Kind.ELEMENTWISE, cost) for name, cost in costs.items()}


def _one_operation(**costs: int) -> dict[str, Row]:
    """Elementwise primitives that take several instructions and count as one operation."""
    return {name: Row(Kind.ELEMENTWISE, cost, flops=1) for name, cost in costs.items()}


def _uncounted(*names: str, moves: bool = False) -> dict[str, Row]:
    """Elementwise primitives of one instruction, not counted as arithmetic."""
    return {name: Row(Kind.ELEMENTWISE, 1, flops=0, moves=moves) for name in names}


def _rows(kind: Kind, *names: str, moves: bool = False) -> dict[str, Row]:
    return {name: Row(kind, moves=moves) for name in names}


# fmt: off
KINDS: dict[str, Row] = {
    **_rows(Kind.SOURCE, "parameter", "constant", moves=True),
    **_rows(Kind.SOURCE, "iota", "size_of"),
    **_arithmetic(add=1, subtract=1, multiply=1, negate=1, abs=1, sign=1, floor=1, ceil=1,
                  round_nearest_even=1, xor=1, shift_left=1, shift_right_logical=1,
                  shift_right_arithmetic=1, population_count=2, count_leading_zeros=2,
                  exponential=14, exponential_minus_one=20, log=22, log_plus_one=26, tanh=24,
                  logistic=22, erf=34, sine=30, cosine=30, atan2=36, cbrt=32, power=120),
    **_one_operation(divide=5, remainder=40, maximum=3, minimum=3, clamp=4, sqrt=5, rsqrt=9),
    **_uncounted("compare", "is_finite", "and", "or", "not"),
    **_uncounted("select", "convert", "bitcast_convert", moves=True),
    **_rows(Kind.VIEW, "reshape", "transpose", "broadcast_in_dim", "slice", "reverse", moves=True),
    **_rows(Kind.GUARDED_VIEW, "pad", "concatenate", "dynamic_update_slice", moves=True),
    **_rows(Kind.INDIRECT_VIEW, "gather", "dynamic_slice", moves=True),
    "rng_bit_generator": Row(Kind.GENERATOR, 75),
    **_rows(Kind.MARKER, "identity", "optimization_barrier", "stop_gradient",
            "custom_gradient", moves=True),
    **_rows(Kind.ELEMENT, "get_tuple_element", moves=True),
    **_rows(Kind.REDUCTION, "reduce"),
    **_rows(Kind.CONTRACTION, "dot_general", "convolution"),
    **_rows(Kind.WINDOW, "reduce_window"),
    **_rows(Kind.OPAQUE, "sort", "scatter", moves=True),
    **_rows(Kind.OPAQUE, "select_and_scatter"),
    **_rows(Kind.CONTROL, "scan", "while", "if", moves=True),
}
# fmt: on


def of_kind(*kinds: Kind) -> frozenset[str]:
    """The names of all primitives of these kinds."""
    return frozenset(name for name, row in KINDS.items() if row.kind in kinds)


ELEMENTWISE = of_kind(Kind.ELEMENTWISE)
VIEWS = of_kind(Kind.VIEW)
CONTRACTIONS = of_kind(Kind.CONTRACTION)
ANCHORS = of_kind(Kind.REDUCTION, Kind.CONTRACTION, Kind.WINDOW)  # each starts a loop nest
SEPARATE = of_kind(Kind.OPAQUE, Kind.CONTROL)  # computed from operands in memory
MARKERS = of_kind(Kind.MARKER)
# What an index alone computes: any consumer can inline it.
INLINE = of_kind(Kind.VIEW, Kind.GUARDED_VIEW, Kind.INDIRECT_VIEW, Kind.GENERATOR, Kind.MARKER) | (
    of_kind(Kind.SOURCE) - {"parameter"}
)
MOVING = frozenset(name for name, row in KINDS.items() if row.moves)


def cost_of(name: str) -> int:
    """Instructions for one element of a primitive."""
    return KINDS[name].cost
