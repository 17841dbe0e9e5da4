"""GradientTape: gradients of what runs in a `with` block, as in TensorFlow.

A tape is a record, under which operations keep their nodes, and a trace, in which each trainable
Variable that is read becomes the node of its value. Both are around the block only. When the
gradients have been taken the tensors made under the tape give up their nodes, and with them the
memory of all that led to them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from lamina import context, tree
from lamina.annotations import NestLike
from lamina.arguments import one_of
from lamina.autodiff.dependence import dependents
from lamina.autodiff.reverse import gradients
from lamina.errors import ArgumentError, GradientError, ShapeError, StateError, describe
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.operations.creation import zeros_like
from lamina.reference import interpreter
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node
from lamina.variables import (
    Overlay,
    Record,
    Trace,
    Variable,
    contents_of,
    current_trace,
    overwrite,
)

Tensors: TypeAlias = "Tensor | Variable | Sequence[Tensors] | Mapping[Any, Tensors]"
"""A tensor or Variable, or lists, tuples and dictionaries of them."""


class _Watched(Overlay):
    """The trace of a tape: Variables that are read enter as nodes, assignments pass through."""

    def __init__(self, outer: Trace | None, accessed: bool) -> None:
        super().__init__({}, outer)
        self.accessed = accessed
        self.chosen: set[Variable] = set()
        self.nodes: dict[Variable, list[Node]] = {}

    def read(self, variable: Variable) -> Tensor:
        if not (self.accessed and variable.trainable) and variable not in self.chosen:
            outer = self.outer
            if outer is not None:
                return outer.read(variable)
            return Tensor(variable._type, contents_of(variable))
        if variable not in self.current:
            if variable in self.nodes and self.outer is not None:  # assigned since it was read
                self.current[variable] = bind("stop_gradient", self.outer.read(variable))
                self.inputs[variable] = as_node(self.current[variable])
            elif self.outer is not None:
                self._enter(variable, _fresh(self.outer.read(variable)))
            else:
                super().read(variable)
            self.nodes.setdefault(variable, []).append(self.inputs[variable])
        return self.current[variable]

    def assign(self, variable: Variable, value: Tensor) -> None:
        if self.outer is not None:
            self.outer.assign(variable, value)
        else:
            overwrite(variable, value._known("assign"))
        self.current.pop(variable, None)


class GradientTape:
    """A record of the operations in a `with` block, of which gradients can be taken.

    `lm.grad` and `lm.value_and_grad` do the same for a function; a tape is for programs that were
    written for TensorFlow. It also works inside `lm.compile` and a custom `train_step`.

    Args:
        persistent: allow several calls of `gradient`; memory is released with the tape.
        watch_accessed_variables: record trainable Variables that are read; False records those
            that `watch` names.

    Example:
        >>> import lamina as lm
        >>> w = lm.Variable(3.0)
        >>> with lm.GradientTape() as tape:
        ...     loss = w * w
        >>> tape.gradient(loss, w).item()
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent = bool(one_of("GradientTape", "persistent", persistent, (True, False)))
        self._accessed = watch_accessed_variables
        self._trace: _Watched | None = None
        self._record: Record | None = None
        self._within: list[Any] = []
        self._watched: dict[int, tuple[Tensor, Node]] = {}
        self._used = False

    def __enter__(self) -> GradientTape:
        if self._within:
            raise StateError("GradientTape: the tape is recording already")
        self._used = False
        self._begin()
        return self

    def _begin(self) -> None:
        outer = current_trace()
        self._trace = _Watched(outer, self._accessed)
        self._record = Record(made=[])
        block = context.entered(
            traces=(*context.current().traces, self._trace), record=self._record
        )
        block.__enter__()
        self._within.append(block)

    def __exit__(self, *_: object) -> None:
        self._within.pop().__exit__()
        record = self._record
        if record is not None and record.outer is not None and record.outer.made is not None:
            record.outer.made.extend(record.made or ())

    def watch(self, tensor: Tensors) -> None:
        """Record what is computed of a tensor, or of each in a nest.

        Args:
            tensor: floating tensor, Variable, or nest of them.

        Example:
            >>> import lamina as lm
            >>> x = lm.asarray(2.0)
            >>> with lm.GradientTape() as tape:
            ...     tape.watch(x)
            ...     y = x**3
            >>> tape.gradient(y, x).item()
            12.0
        """
        trace, record = self._trace, self._record
        if trace is None or record is None or not self._within:
            raise StateError(
                "GradientTape.watch: the tape is not recording (expected a call inside of its "
                "`with` block)"
            )
        for leaf in tree.leaves(tensor):
            if isinstance(leaf, Variable):
                trace.chosen.add(leaf)
            elif isinstance(leaf, Tensor):
                if id(leaf) in self._watched:
                    continue
                if leaf._node is None:
                    leaf._node = as_node(leaf)
                    assert record.made is not None
                    record.made.append(weakref.ref(leaf))
                else:
                    leaf._node = _fresh(leaf)._node
                self._watched[id(leaf)] = leaf, as_node(leaf)
            else:
                raise ArgumentError(
                    f"GradientTape.watch: expected a tensor or a Variable, got {describe(leaf)}",
                    hint="x = lm.asarray(x) makes a tensor, to be used inside the block",
                )

    def watched_variables(self) -> tuple[Variable, ...]:
        """Return the Variables that the tape has seen."""
        return () if self._trace is None else tuple(self._trace.nodes)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Leave out of the record what runs in this `with` block."""
        if not self._within:
            raise StateError("GradientTape.stop_recording: the tape is not recording")
        here = context.current()
        outer = None if self._record is None else self._record.outer
        with context.entered(
            record=outer, traces=tuple(t for t in here.traces if t is not self._trace)
        ):
            yield

    def reset(self) -> None:
        """Forget what was recorded, and record from here."""
        self.__exit__()
        self._release()
        self._begin()

    # ---- derivatives ---------------------------------------------------------------------------
    def gradient(
        self,
        target: Tensors,
        sources: Tensors,
        output_gradients: NestLike = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Return the gradient of the sum of all targets with respect to each source.

        Args:
            target: tensor, or nest of tensors, computed in the block.
            sources: Variable or tensor, or nest of them; the result has its structure.
            output_gradients: factors of the targets, of their shapes; None is 1.
            unconnected_gradients: value for a source on which no target depends: "none" or "zero".

        Returns:
            The gradients; None for a source on which no target depends.

        Raises:
            StateError: at the second call for a tape that is not persistent.
        """
        self._need_block()
        targets = [as_tensor(leaf) for leaf in tree.leaves(target)]
        factors: list[Any] = [None] * len(targets)
        if output_gradients is not None:
            is_nest = isinstance(target, (list, tuple, dict))
            factors = tree.leaves(output_gradients) if is_nest else [output_gradients]
        found = self._gradients(targets, factors, sources, _is_zero(unconnected_gradients))
        if not self.persistent:
            self._used = True
            self._release()
        return found

    def jacobian(
        self,
        target: Tensor,
        sources: Tensors,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivatives of each element of a target: of shape (*target, *source).

        Args:
            target: tensor computed in the block.
            sources: Variable or tensor, or nest of them; the result has its structure.
            unconnected_gradients: value for a source on which the target does not depend: "none" or
                "zero".
            parallel_iterations: accepted for TensorFlow.
            experimental_use_pfor: accepted for TensorFlow.
        """
        self._need_block()
        y = as_tensor(target)
        count = int(y.size)
        basis = np.eye(count, dtype=y.dtype.storage).reshape(count, *map(int, y.shape))
        zero = _is_zero(unconnected_gradients)
        rows = [self._gradients([y], [row], sources, zero) for row in basis]
        flat, structure = tree.flatten(tree.map_structure(_Source, sources))
        columns = [_flat_like(row, structure) for row in rows]
        result = []
        for k, source in enumerate(flat):
            parts = [column[k] for column in columns]
            shape = (*y.shape, *source.value.shape)
            result.append(None if parts[0] is None else _stacked(parts, shape))
        if not self.persistent:
            self._used = True
            self._release()
        return tree.unflatten(structure, result)

    def batch_jacobian(
        self,
        target: Tensor,
        source: Tensor | Variable,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivatives of each sample of a target by the same sample of a source: of
        shape (batch, *target[1:], *source[1:]).

        Args:
            target: tensor (batch, ...) computed in the block, each sample of the same of the
                source.
            source: tensor (batch, ...).
            unconnected_gradients: value if the target does not depend on the source: "none" or
                "zero".
            parallel_iterations: accepted for TensorFlow.
            experimental_use_pfor: accepted for TensorFlow.
        """
        self._need_block()
        y = as_tensor(target)
        if not y.shape or y.shape[0] != source.shape[0]:
            raise ShapeError(
                f"GradientTape.batch_jacobian: target and source need one batch (got {y.shape} and "
                f"{source.shape})"
            )
        inner = tuple(map(int, y.shape[1:]))
        count = int(np.prod(inner))
        basis = np.eye(count, dtype=y.dtype.storage).reshape(count, 1, *inner)
        zero = _is_zero(unconnected_gradients)
        batch = int(y.shape[0])
        parts = [
            self._gradients([y], [np.repeat(row, batch, axis=0)], source, zero) for row in basis
        ]
        if not self.persistent:
            self._used = True
            self._release()
        if parts[0] is None:
            return None
        rows = [bind("reshape", p, shape=(batch, 1, *p.shape[1:])) for p in parts]
        joined = bind("concatenate", *rows, dimension=1)
        return bind("reshape", joined, shape=(batch, *inner, *source.shape[1:]))

    def _need_block(self) -> None:
        if self._trace is None:
            raise StateError("GradientTape: nothing was recorded (expected a `with` block before)")
        if self._used:
            raise StateError(
                "GradientTape: the gradients of this tape have been taken (expected one call)",
                hint="GradientTape(persistent=True) allows several",
            )

    def _gradients(
        self, targets: Sequence[Tensor], factors: Sequence[Any], sources: Any, zero: bool
    ) -> Any:
        floats = [
            (t, f)
            for t, f in zip(targets, factors, strict=True)
            if t.dtype.is_float and t._node is not None
        ]
        outputs = [as_node(t) for t, _ in floats]
        cotangents = [_factor(t, f) for t, f in floats]
        leaves, structure = tree.flatten(sources)
        nodes = [self._nodes_of(leaf) for leaf in leaves]
        flat = [node for each in nodes for node in each]
        reached = set(dependents(outputs, flat)) if outputs else set()
        wanted = [node for node in flat if node in reached]
        is_known = all(t._value is not None for t, _ in floats)
        taken = _tensors(gradients(outputs, cotangents, wanted), is_known)
        found = dict(zip(wanted, taken, strict=True))
        result = [
            _total([found[node] for node in each if node in found], leaf, zero)
            for each, leaf in zip(nodes, leaves, strict=True)
        ]
        return tree.unflatten(structure, result)

    def _nodes_of(self, source: Any) -> list[Node]:
        """The nodes that stand for a source: of a Variable one for each value that was read."""
        if isinstance(source, Variable):
            found = [] if self._trace is None else self._trace.nodes.get(source, [])
            return found if source.dtype.is_float else []
        if not isinstance(source, Tensor):
            raise GradientError(
                f"GradientTape: expected Variables or tensors as sources, got {describe(source)}",
                hint="x = lm.asarray(x), tape.watch(x), and then compute with x",
            )
        if not source.dtype.is_float:
            return []
        _, node = self._watched.get(id(source), (source, source._node))
        return [] if node is None else [node]

    def _release(self) -> None:
        """Let tensors with values give up their nodes, unless a tape around this one has them."""
        record, self._record = self._record, None
        self._watched = {}
        if record is None or record.outer is not None:
            return
        for reference in record.made or ():
            tensor = reference()
            if tensor is not None and tensor._value is not None:
                tensor._node = None
        record.made = []

    def __del__(self) -> None:
        self._release()


def _fresh(tensor: Tensor) -> Tensor:
    """The same value as a separate node: what was computed of the tensor before the tape does not
    depend on it, so that no gradient flows through, for example, the update of other weights."""
    node = ops.identity(as_node(tensor))
    node.value = tensor._value
    return Tensor(tensor._type, tensor._value, node)


class _Source:
    """A leaf of a nest of sources."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _flat_like(nest: Any, structure: Any) -> list[Any]:
    """The leaves of a nest in which None may be a leaf."""
    if structure == tree.LEAF:
        return [nest]
    _, keys, inner = structure
    values = [nest[k] for k in keys] if isinstance(nest, dict) else list(nest)
    return [f for each, part in zip(values, inner, strict=True) for f in _flat_like(each, part)]


def _is_zero(unconnected: Any) -> bool:
    name = str(getattr(unconnected, "value", unconnected)).lower()
    return bool(one_of("GradientTape", "unconnected_gradients", name, ("none", "zero")) == "zero")


def _factor(target: Tensor, factor: Any) -> Node:
    if factor is None:
        return ops.fill(1.0, as_node(target))
    found = as_tensor(factor, target.dtype)
    if found.shape != target.shape:
        raise ShapeError(
            f"GradientTape: output_gradients have another shape than the target (expected "
            f"{target.shape}, got {found.shape})"
        )
    return as_node(found)


def _tensors(nodes: Sequence[Node], is_known: bool) -> list[Tensor]:
    """The tensors of gradient nodes, with their values if those of the targets are known."""
    if not is_known:
        return [from_node(node) for node in nodes]
    arrays = interpreter.evaluate_nodes(list(nodes), {})
    for node, array in zip(nodes, arrays, strict=True):
        node.value = array
    record = context.current().record
    found = [from_node(node) for node in nodes]
    return [Tensor(t._type, t._value) if record is None else record.keep(t) for t in found]


def _total(parts: Sequence[Tensor], source: Any, zero: bool) -> Tensor | None:
    if not parts:
        return zeros_like(source) if zero else None
    total = parts[0]
    for part in parts[1:]:
        total = bind("add", total, part)
    return total


def _stacked(parts: Sequence[Tensor], shape: Sequence[Any]) -> Tensor:
    rows = [bind("reshape", part, shape=(1, *part.shape)) for part in parts]
    return bind("reshape", bind("concatenate", *rows, dimension=0), shape=tuple(shape))
