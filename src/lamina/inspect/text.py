"""Graph, kernels, LLVM and assembly as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lamina.errors import RangeError
from lamina.inspect.subject import Subject, subject
from lamina.ir.text import to_text


def graph(f: Any, *args: Any, simplified: bool = True, **kwargs: Any) -> str:
    """The graph of f(*args, **kwargs) as text: one primitive a line.

    simplified: as it is compiled; False shows it as it was recorded.

    Args:
        f: function of tensors.
    """
    seen = subject(f, args, kwargs)
    return to_text(seen.simplified if simplified else seen.recorded)


@dataclass(frozen=True)
class KernelView:
    """One kernel: `number` in the order of running, `name` (its heart and its domain), `buffers`
    (a line for each), `nest` (what it computes), `schedule` (how), its `symbol` and `llvm` text.

    A routine such as sort has neither nest nor schedule.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
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
        """This machine's instructions."""
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


def kernels(f: Any, *args: Any, **kwargs: Any) -> Kernels:
    """The kernels that f(*args, **kwargs) becomes on the llvm engine. Print the list, or look at
    the attributes of its entries (KernelView).

    Args:
        f: function of tensors.
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
    for number, item in enumerate(describe.running(stages.program.items)):
        name, summary = describe.name_of(item), describe.memory_of(item, names)
        if isinstance(item, Kernel):
            symbol, text, _ = stages.kernels[item]
            buffers = tuple(describe.buffers_of(item, names))
            code = (str(item.nest), str(item.chosen), symbol, text)
        else:
            buffers, code = (summary,), ("", "", "", "")
        found.append(KernelView(number, name, summary, buffers, *code))
    return found


def llvm(f: Any, *args: Any, kernel: int | None = None, **kwargs: Any) -> str:
    """The LLVM text of one kernel, by its number; else of all and of the driver that calls them.

    Args:
        f: function of tensors.

    Raises:
        RangeError: there is no kernel of that number.
    """
    return _code(subject(f, args, kwargs), kernel, lambda text: text)


def assembly(f: Any, *args: Any, kernel: int | None = None, **kwargs: Any) -> str:
    """The instructions of this machine, of one kernel or of all, as `llvm`.

    Args:
        f: function of tensors.
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
