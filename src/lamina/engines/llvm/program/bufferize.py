"""Bufferization: a graph -> a program of kernels, loops and branches with buffers for all values.

    program   = slot ... ; statement ...
    statement = kernel | loop ( statement ... ) | while ( statement ... ) | if ( statement ... )
              | routine

Values get slots (placement.py), fusion groups become nests (lowering/lower.py) and opaque nodes
statements (control_flow.py), results are written in place (in_place.py), and the groups are put in
order (group_order.py). Bodies of loops and branches are bufferized in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from lamina.engines.llvm.fusion.groups import FusionGroup
from lamina.engines.llvm.fusion.plan import plan_fusion
from lamina.engines.llvm.graph.partitions import is_partitioned, parts_of
from lamina.engines.llvm.loopopt.split_at_guards import split_at_guards
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel, copy
from lamina.engines.llvm.loops.nest import NestKind
from lamina.engines.llvm.lowering.lower import lower
from lamina.engines.llvm.program.control_flow import CONTROL_FLOW, routine
from lamina.engines.llvm.program.group_order import GroupOrder
from lamina.engines.llvm.program.halo import halo_fills
from lamina.engines.llvm.program.in_place import Results
from lamina.engines.llvm.program.placement import Placement
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import Statement, map_bodies
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node


def bufferize(graph: Graph, updates: Mapping[int, int], costs: Costs) -> Program:
    """Return the program of a graph; `updates` as an engine's `compile` takes them."""
    arguments = [Slot(p.shape, p.dtype, "argument", k) for k, p in enumerate(graph.parameters)]
    owners = {result: parameter for parameter, result in updates.items()}
    results = [
        arguments[owners[k]] if k in owners else Slot(r.shape, r.dtype, "argument")
        for k, r in enumerate(graph.results)
    ]
    program = Program([], arguments, results)
    statements = _statements(program, costs, graph, arguments, results)
    program.statements = map_bodies(statements, _without_identity_copies)
    fresh = [s for s in results if s not in arguments]
    for k, slot in enumerate(fresh):
        slot.number = len(arguments) + k
    return program


def _statements(
    program: Program,
    costs: Costs,
    graph: Graph,
    parameters: Sequence[Slot],
    results: Sequence[Slot],
) -> list[Statement]:
    """Return the statements of a graph: that of the program, or of a loop's body."""
    plan = plan_fusion(graph, costs)
    placement = Placement(graph, plan, parameters, results, program.tables, costs)

    def opaque(node: Node) -> list[Statement]:
        if is_partitioned(node):
            return _partition_copies(placement, node)
        inputs = [placement.slot(a) for a in node.args]
        outputs = placement.results_of(node)
        if node.op in CONTROL_FLOW:
            return CONTROL_FLOW[node.op](
                node, inputs, outputs, partial(_statements, program, costs)
            )
        return routine(node, inputs, outputs, costs)

    def lowered(g: FusionGroup) -> list[Statement]:
        if g.opaque is not None:
            return opaque(g.opaque)
        if g.stores[0] in placement.halo_eliminations:
            return list(halo_fills(placement.where[g.stores[0]], g.stores[0]))
        return [split_at_guards(lower(g, placement.where, plan.stored), costs)]

    made = {g: lowered(g) for g in plan.groups}
    order = GroupOrder(plan.groups)
    moves = Results(graph, plan, parameters, placement, made, order).place()
    program.stacks.update(s for slots in placement.elements.values() for s in slots)
    return [statement for g in order.ordered() for statement in made[g]] + moves


def _partition_copies(placement: Placement, partitioned: Node) -> list[Statement]:
    """Return copies of the parts that are stored elsewhere."""
    places = [
        (placement.part(partitioned, part, start), part) for part, start in parts_of(partitioned)
    ]
    sources = [(place, placement.slot(part)) for place, part in places]
    return [copy(place, slot) for place, slot in sources if slot.alias_of is not place.alias_of]


def _without_identity_copies(statements: list[Statement]) -> list[Statement]:
    """Leave out the copies of memory onto itself."""
    return [s for s in statements if not (isinstance(s, Kernel) and _is_identity(s))]


def _is_identity(kernel: Kernel) -> bool:
    return kernel.nest.kind is NestKind.COPY and kernel.slots[0].actual is kernel.slots[1].actual
