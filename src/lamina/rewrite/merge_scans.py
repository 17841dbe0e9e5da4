"""Merging a scan with its extension: the loop of the forward pass, and the longer one with the
residuals that its gradient reads, become one.

    scan(body -> a, b), scan(body -> a, b, residuals)    ->    the second alone

Legality: equal operands, parameters and direction, and the shorter body's results are the very
nodes of the longer body's first results. Profitability: always. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.ir.graph import Node, topological


def merge_scans(results: Sequence[Node]) -> list[Node]:
    """The results, with one scan in the place of a scan and its extension.

    scan(body -> a, b), scan(body -> a, b, residuals) -> the second alone
    """
    longest: dict[Any, Node] = {}
    scans = [n for n in topological(results) if n.op == "scan"]
    for node in scans:
        key = _loop_key(node)
        if key not in longest or len(node.type) > len(longest[key].type):
            longest[key] = node
    shared = {n: longest[_loop_key(n)] for n in scans if _extends(longest[_loop_key(n)], n)}
    new: dict[Node, Node] = {}
    for node in topological(results):
        if node not in new:
            whole = shared.get(node, node)  # has the same operands: they are in `new` by now
            new[node] = new[whole] = whole.with_args([new[a] for a in whole.args], same_value=True)
    return [new[r] for r in results]


def _loop_key(node: Node) -> Any:
    """Operands, parameters and direction: what two loops must have in common."""
    return node.args, tuple(node.params["body"].parameters), node.params.get("reverse", False)


def _extends(longer: Node, shorter: Node) -> bool:
    results = shorter.params["body"].results
    return longer is not shorter and longer.params["body"].results[: len(results)] == results
