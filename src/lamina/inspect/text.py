"""Graph, kernels, LLVM and assembly as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lamina.errors import RangeError
from lamina.inspect.subject import Subject, subject
from lamina.ir.text import to_text


def graph(f: Callable[..., Any], *args: Any, simplified: bool = True, **kwargs: Any) -> str:
    """Return the graph of f(*args, **kwargs) as text, one primitive on each line.

    Args:
        f: function of tensors, or what `compile` returned.
        simplified: show the graph as it is compiled; False shows it as it was recorded.

    Example:
        >>> import lamina as lm
        >>> print(lm.inspect.graph(lambda x: x + 1, lm.ones((4,)), simplified=False), end="")
        "function" {
          %0 = parameter name="x0" : float32[4]
          %1 = constant dtype=float32, value=1.0 : float32[]
          %2 = broadcast_in_dim %1, broadcast_dimensions=(), shape=(4,) : float32[4]
          %3 = add %0, %2 : float32[4]
          return %3
        }
    """
    seen = subject(f, args, kwargs)
    return to_text(seen.simplified if simplified else seen.recorded)


@dataclass(frozen=True)
class KernelView:
    """One kernel of a compiled program, as text.

    A library routine such as sort has neither nest nor schedule.

    Args:
        number: position in the order of execution, from 0.
        name: name of the kernel: its anchor operation and iteration domain.
        summary: one line about the kernel.
        buffers: one line for each buffer.
        nest: loop nest, which says what is computed.
        schedule: loop order, tiling, vectorization and threads, which say how.
        symbol: name of the function in LLVM.
        llvm: LLVM text.

    Example:
        >>> import lamina as lm
        >>> kernels = lm.inspect.kernels(lambda x: x + 1, lm.ones((4,)))
        >>> kernels[0].number
        0
    """

    number: int
    name: str
    summary: str
    buffers: tuple[str, ...]
    nest: str
    schedule: str
    symbol: str
    llvm: str

    @property
    def assembly(self) -> str:
        """The instructions of this machine, as text."""
        from lamina.engines.llvm.target import toolchain

        return toolchain.assembly(self.llvm) if self.llvm else ""

    def __str__(self) -> str:
        inner = [*self.buffers, *self.nest.splitlines()]
        inner += [f"schedule: {self.schedule}"] if self.schedule else []
        return "\n".join([f"kernel {self.number}: {self.name}", *("  " + each for each in inner)])


class Kernels(list[KernelView]):
    """The kernels of a program, in the order in which they run; printed with their nests."""

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self))

    __str__ = __repr__


def kernels(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Kernels:
    """Return the kernels that f(*args, **kwargs) is compiled to on the llvm engine.

    The list prints as a table; its entries are KernelView objects.

    Args:
        f: function of tensors, or what `compile` returned.

    Example:
        >>> import lamina as lm
        >>> len(lm.inspect.kernels(lambda x: lm.tanh(x + 1), lm.ones((4,))))
        1
    """
    return views(subject(f, args, kwargs))


def views(seen: Subject) -> Kernels:
    """The kernels of a subject."""
    from lamina.engines.llvm.loops.kernel import Kernel
    from lamina.engines.llvm.program.text import Names
    from lamina.engines.llvm.tools import describe

    stages = seen.stages
    names = Names(len(stages.graph.parameters))
    found = Kernels()
    for number, item in enumerate(describe.running(stages.program.statements)):
        name, summary = describe.name_of(item), describe.memory_of(item, names)
        if isinstance(item, Kernel):
            symbol, text, _ = stages.kernels[item]
            buffers = tuple(describe.buffers_of(item, names))
            code = (str(item.nest), str(item.chosen), symbol, text)
        else:
            buffers, code = (summary,), ("", "", "", "")
        found.append(KernelView(number, name, summary, buffers, *code))
    return found


def llvm(f: Callable[..., Any], *args: Any, kernel: int | None = None, **kwargs: Any) -> str:
    """Return the LLVM text of one kernel, or of all kernels and the driver that calls them.

    Args:
        f: function of tensors, or what `compile` returned.
        kernel: number of the kernel; None takes all.

    Raises:
        RangeError: if no kernel has that number.

    Example:
        >>> import lamina as lm
        >>> "define" in lm.inspect.llvm(lambda x: x + 1, lm.ones((4,)))
        True
    """
    return _code(subject(f, args, kwargs), kernel, lambda text: text)


def assembly(f: Callable[..., Any], *args: Any, kernel: int | None = None, **kwargs: Any) -> str:
    """Return the machine instructions of one kernel or of all, as text.

    Args:
        f: function of tensors, or what `compile` returned.
        kernel: number of the kernel; None takes all.

    Example:
        >>> import lamina as lm
        >>> text = lm.inspect.assembly(lambda x: x + 1, lm.ones((4,)), kernel=0)
        >>> len(text) > 0
        True
    """
    from lamina.engines.llvm.target import toolchain

    return _code(subject(f, args, kwargs), kernel, toolchain.assembly)


def _code(seen: Subject, kernel: int | None, write: Callable[[str], str]) -> str:
    found = views(seen)
    if kernel is None:
        texts = list(dict.fromkeys(view.llvm for view in found if view.llvm))
        return "\n".join(write(text) for text in [*texts, str(seen.stages.driven.module)])
    if not 0 <= kernel < len(found):
        raise RangeError(f"kernel is {kernel}, but there are {len(found)} (0 to {len(found) - 1})")
    text = found[kernel].llvm
    return write(text) if text else ""
