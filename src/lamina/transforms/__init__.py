"""Transforms of Python functions: gradients, compilation, loops, branches."""

from lamina.transforms.associative import associative_scan
from lamina.transforms.branches import cond, switch
from lamina.transforms.compiling import Compiled, Spec, compile, compile_stats
from lamina.transforms.gradients import custom_gradient, grad, stop_gradient, value_and_grad
from lamina.transforms.loops import scan, while_loop
from lamina.transforms.tape import GradientTape

__all__ = [
    "Compiled",
    "GradientTape",
    "Spec",
    "associative_scan",
    "compile",
    "compile_stats",
    "cond",
    "custom_gradient",
    "grad",
    "scan",
    "stop_gradient",
    "switch",
    "value_and_grad",
    "while_loop",
]
