"""Compiled programs by their sizes, and their calls.

XLA compiles for fixed shapes: a graph with symbolic extents is compiled once for each set of sizes
that comes, and the last `KEPT` of them are kept. Numbers of iterations do not count as sizes
(`counted`), and where each row is computed separately a larger program serves fewer rows (`rows`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from lamina.engines import placement, residence
from lamina.engines.fixed import fixed
from lamina.engines.placement import Placement
from lamina.engines.xla import backend, processes, rows, shardings, transfer
from lamina.engines.xla.counted import capacity, counted, padded
from lamina.engines.xla.elementwise import jax_dtype
from lamina.engines.xla.translate import run
from lamina.errors import EngineError, describe
from lamina.interrupts import Deferred
from lamina.ir.graph import Graph
from lamina.locks import renewed
from lamina.reference import interpreter
from lamina.rewrite import defer_accumulation, hoist_invariants, simplify

Arrays = Sequence[np.ndarray]
KEPT = 32  # sets of sizes whose programs are kept in memory


@dataclass(frozen=True)
class _Program:
    """The program for one set of sizes and one placement of its arguments."""

    compiled: Any
    shardings: Sequence[Any]  # of the arguments
    copied: Any  # the sharding of what each device has whole


class XlaProgram:
    """Called with arrays, returns arrays. The values of `held` parameters stay on the devices
    between calls (`residence`); the copies of those that are updated are donated to XLA."""

    def __init__(
        self, graph: Graph, updates: Mapping[int, int], held: Collection[int] = ()
    ) -> None:
        self.graph, self.updates, self.held = graph, dict(updates), frozenset(held)
        self._simplified = hoist_invariants(defer_accumulation(simplify(graph)))
        self._counted = counted(self._simplified)
        self._rows = rows.separate(self._simplified, self.held)
        self._rooms: dict[Any, set[int]] = {}  # numbers of rows that programs have, by other sizes
        self._programs: OrderedDict[Any, _Program] = OrderedDict()
        self._shardings: dict[Any, Any] = {}  # of arguments by placement, number and shape
        self._dtypes = [jax_dtype(p.dtype) for p in graph.parameters]
        self._resident = {r for p, r in self.updates.items() if p in self.held}
        self.lock = renewed(self)

    # ---- calls ---------------------------------------------------------------------------------
    def __call__(self, arrays: Arrays) -> list[np.ndarray]:
        with self.lock, backend.wide():
            given, counts = self._with_room(arrays)
            program = self._program(given)
            with residence.DEVICES.lock, Deferred(stops=False) as interrupt:
                placed = [*self._placed(program, given), *self._counts(program, counts)]
                found = interrupt.call(self._run, program, placed, arrays)  # donates state
            results = [
                arrays[0] if k in self._resident else transfer.fetched(value, dtype)
                for k, (value, dtype) in enumerate(zip(found, self._storage(), strict=True))
            ]
        self._cut(results, arrays)
        for parameter, result in self.updates.items():
            if parameter not in self.held:
                np.copyto(arrays[parameter], results[result])
            results[result] = arrays[parameter]
        return results

    def place(self, first: int, arrays: Arrays) -> None:
        """Begin the transfer of arguments from number `first` on, which are not written until the
        call, to where the program for such sizes reads them. Another thread may run it."""
        place = placement.current()
        with backend.wide():
            for k, array in enumerate(arrays, first):
                sharding = self._shardings.get((place, k, array.shape))
                if sharding is not None:
                    value = transfer.placed(array, self._dtypes[k], sharding, may_alias=False)
                    transfer.keep(array, value, newer=False)  # no other thread has the array

    def fixed(self, arrays: Arrays) -> tuple[list[np.ndarray], Callable[[], None]]:
        return fixed(self, arrays)

    def _storage(self) -> list[np.dtype]:
        return [node.dtype.storage for node in self.graph.results]

    def _with_room(self, arrays: Arrays) -> tuple[Arrays, list[np.ndarray]]:
        """The arguments with rows and sequences of a counted length padded, and that length."""
        arrays = self._with_rows(arrays)
        if self._counted is None:
            return arrays, []
        given, places = list(arrays), self._counted.parameters
        length = len(arrays[places[0]])
        if any(len(arrays[k]) != length for k in places):
            interpreter.bind_sizes(self.graph.parameters, [a.shape for a in arrays])  # raises
        for k in places:
            given[k] = padded(arrays[k], capacity(length))
        return given, [np.array(length, np.int32)]

    def _with_rows(self, arrays: Arrays) -> Arrays:
        """The arguments with as many rows as one of the programs takes."""
        places = self._rows.parameters if self._rows else {}
        if not places or any(residence.copy_of(arrays[k]) is not None for k in places):
            return arrays
        self._checked(arrays)
        others = [
            tuple(n for axis, n in enumerate(a.shape) if axis != places.get(k))
            for k, a in enumerate(arrays)
        ]
        known = self._rooms.setdefault((placement.current(), *others), set())
        count = self._row_count(arrays)
        room = rows.room(count, known)
        known.add(room)
        if room == count:
            return arrays
        return [rows.padded(a, places[k], room) if k in places else a for k, a in enumerate(arrays)]

    def _row_count(self, arrays: Arrays) -> int:
        assert self._rows is not None
        place, axis = next(iter(self._rows.parameters.items()))
        return arrays[place].shape[axis]

    def _cut(self, results: list[np.ndarray], arrays: Arrays) -> None:
        """Drop the results of rows that were padded."""
        for k, axis in self._rows.results.items() if self._rows else ():
            count = self._row_count(arrays)
            if results[k].shape[axis] > count:
                results[k] = rows.cut(results[k], axis, count)

    def _run(self, program: _Program, placed: list[Any], arrays: Arrays) -> list[Any]:
        """The results on the devices; those that are held have been noted."""
        if not program.copied.is_fully_addressable:
            processes.join()
        found: list[Any] = program.compiled(*placed)
        for parameter, result in self.updates.items():
            if parameter in self.held:
                transfer.keep(arrays[parameter], found[result], newer=True)
        return found

    def _placed(self, program: _Program, arrays: Arrays) -> list[Any]:
        """The arguments where the program reads them."""
        pairs = enumerate(zip(arrays, program.shardings, strict=True))
        return [self._at(k, array, sharding) for k, (array, sharding) in pairs]

    def _counts(self, program: _Program, counts: Arrays) -> list[Any]:
        return [transfer.placed(c, c.dtype, program.copied, may_alias=False) for c in counts]

    def _at(self, k: int, array: np.ndarray, sharding: Any) -> Any:
        value = residence.copy_of(array)
        stays = k in self.held or residence.is_unchanging(array)
        if value is None:
            value = transfer.placed(array, self._dtypes[k], sharding, may_alias=not stays)
        elif value.sharding == sharding:
            return value
        else:
            value = jax.device_put(value, sharding)
        if stays:
            transfer.keep(array, value, residence.is_newer(array))
        return value

    # ---- compilation ---------------------------------------------------------------------------
    def _program(self, arrays: Arrays) -> _Program:
        place = placement.current()
        key = (place, *[a.shape for a in arrays], *self._layouts(place, arrays))
        known = self._programs.get(key)
        if known is None:
            known = self._programs[key] = self._compiled(place, arrays)
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return known

    def _layouts(self, place: Placement, arrays: Arrays) -> list[Any]:
        if place.mesh is None:
            return []
        return [placement.layout_of(arrays[k]) for k in sorted(self.held)]

    def _compiled(self, place: Placement, arrays: Arrays) -> _Program:
        lowered, chosen = self.lower(place, arrays)
        for k, (array, sharding) in enumerate(zip(arrays, chosen, strict=True)):
            self._shardings[place, k, array.shape] = sharding
        return _Program(_compiled(lowered), chosen, shardings.sharding(place, ()))

    def inside(self, arrays: Arrays) -> tuple[Any, Any]:
        """JAX's objects of the program for these arrays, lowered and compiled, which have texts."""
        given, _ = self._with_room(arrays)
        lowered, _ = self.lower(placement.current(), given)
        return lowered, _compiled(lowered)

    def lower(self, place: Placement, arrays: Arrays) -> tuple[Any, Sequence[Any]]:
        """JAX's `Lowered`, which has the StableHLO text, and the sharding of each argument."""
        graph, sizes = self._simplified, self._checked(arrays)
        symbol = self._counted.symbol if self._counted else None
        chosen = shardings.of_arguments(place, graph.parameters, arrays, self.held)

        def main(*given: Any) -> list[Any]:
            count = len(graph.parameters)
            counts = {symbol: given[count]} if symbol else None
            return run(graph, given[:count], sizes, counts)

        main.__name__ = graph.name.replace(" ", "_")
        types = [
            jax.ShapeDtypeStruct(array.shape, dtype, sharding=sharding)
            for array, dtype, sharding in zip(arrays, self._dtypes, chosen, strict=True)
        ]
        copied = shardings.sharding(place, ())
        types += [jax.ShapeDtypeStruct((), np.int32, sharding=copied)] if symbol else []
        donated = [p for p in self.updates if p in self.held]
        owners = {r: chosen[p] for p, r in self.updates.items() if p in self.held}
        others = None if copied.is_fully_addressable else copied  # each process has it whole
        results = [owners.get(k, others) for k in range(len(graph.results))]
        jitted = jax.jit(main, donate_argnums=donated, out_shardings=results, keep_unused=True)
        with backend.wide():
            return jitted.lower(*types), chosen

    def _checked(self, arrays: Arrays) -> dict[str, int]:
        """The sizes of the graph's symbols. Raises an error if arrays do not fit the graph."""
        parameters = self.graph.parameters
        if len(arrays) != len(parameters):
            raise EngineError(f"program: takes {len(parameters)} arrays, got {len(arrays)}")
        for node, array in zip(parameters, arrays, strict=True):
            if array.dtype != node.dtype.storage:
                name = node.params.get("name") or "parameter"
                raise EngineError(f"{name}: {describe(array)} came, expected {node.type}")
        return interpreter.bind_sizes(parameters, [a.shape for a in arrays])


def _compiled(lowered: Any) -> Any:
    return lowered.compile(compiler_options=dict(backend.OPTIONS))
