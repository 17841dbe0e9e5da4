"""Compiles one elementwise row and runs it over NumPy arrays, for the tests of scalar rows."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
from llvmlite import binding

from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.elementwise import memory_type, to_memory, to_register
from lamina.engines.llvm.codegen.values import Value, vector
from lamina.ir.types import DType

binding.initialize_native_target()
binding.initialize_native_asmprinter()

Emit = Callable[..., Value]


class Kernel:
    """result[i] = emit(b, *arguments[i]) over flat arrays, `lanes` elements at a time (0: scalar).

    Array lengths must be multiples of max(lanes, 1); bfloat16 arrays are their bits as uint16.
    """

    def __init__(self, emit: Emit, operands: list[DType], result: DType, lanes: int = 0) -> None:
        self.result, self.lanes = result, lanes
        self.text = self._text(emit, operands, result, lanes)
        module = binding.parse_assembly(self.text)
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(),
            features=binding.get_host_cpu_features().flatten(),
            opt=3,
        )
        self.assembly = machine.emit_assembly(module)
        self.engine = binding.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        arguments = [ctypes.c_void_p] * (len(operands) + 1) + [ctypes.c_int64]
        address = self.engine.get_function_address("kernel")
        self.call = ctypes.CFUNCTYPE(None, *arguments)(address)

    @staticmethod
    def _text(emit: Emit, operands: list[DType], result: DType, lanes: int) -> str:
        module = Module()
        names = [f"x{k}" for k in range(len(operands))]
        args = [(name, "ptr") for name in (*names, "out")] + [("n", "i64")]
        function = module.function("kernel", args)
        b: Builder = function.builder
        *inputs, out, count = function.args
        with b.loop(0, count, step=max(lanes, 1)) as loop:
            values = []
            for source, dtype in zip(inputs, operands, strict=True):
                type_ = memory_type(dtype)
                loaded = b.load(vector(type_, lanes), b.element(source, loop.value, type_))
                values.append(to_register(b, loaded, dtype))
            value = to_memory(b, emit(b, *values), result)
            b.store(value, b.element(out, loop.value, memory_type(result)))
        b.ret()
        return str(module)

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        arrays = tuple(np.ascontiguousarray(a) for a in arrays)
        out = np.empty(arrays[0].shape, self.result.storage)
        pointers = [a.ctypes.data for a in arrays]
        self.call(*pointers, out.ctypes.data, out.size)
        return out
