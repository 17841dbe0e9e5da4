"""Inspection of the stages of a function: text, graphs and measurements.

    lm.inspect.graph(f, *args)          the graph of primitives
    lm.inspect.kernels(f, *args)        the kernels that it becomes: nests, schedules, memory
    lm.inspect.llvm(f, *args)           their LLVM text
    lm.inspect.assembly(f, *args)       this machine's instructions
    lm.inspect.stablehlo(f, *args)      the program of the xla engine, before it is compiled
    lm.inspect.hlo(f, *args)            the same after XLA has compiled it
    lm.inspect.profile(f, *args)        the time of each kernel and the machine's limits
    lm.inspect.dot(f, *args)            the graph for Graphviz
    lm.inspect.html(f, *args)           all of it on one page

f is a Python function, what `lm.compile` returns, or a model; args are what it would be called
with. A model with inputs alone stands for its prediction; with inputs and targets, for one step of
training on that batch. Nothing is changed: state and arrays stay as they are.
"""

from lamina import namespaces
from lamina.inspect.dot import dot
from lamina.inspect.html import html
from lamina.inspect.profile import Profile, Row, profile
from lamina.inspect.text import KernelView, assembly, graph, kernels, llvm
from lamina.inspect.xla import hlo, stablehlo

__all__ = [
    "KernelView",
    "Profile",
    "Row",
    "assembly",
    "dot",
    "graph",
    "hlo",
    "html",
    "kernels",
    "llvm",
    "profile",
    "stablehlo",
]

namespaces.declare(__name__)
