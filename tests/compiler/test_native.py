"""LLVM text becomes machine code that computes, links, and is freed."""

import ctypes
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lamina.engines.llvm.codegen.builder import Function, Module
from lamina.engines.llvm.codegen.values import constant
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.compilation import compile_objects
from lamina.errors import CompileError


def doubling(name="doubled", factor=2.0) -> str:
    function = Function(name, [("x", "float")], returns="float")
    b = function.builder
    b.ret(b.fmul(function.args[0], constant("float", factor)))
    return str(function.module)


def calling(name: str, callee: str) -> str:
    """A function that applies `callee`, of another module, twice."""
    function = Function(name, [("x", "float")], returns="float")
    b = function.builder
    once = b.call(callee, "float", [function.args[0]])
    b.ret(b.call(callee, "float", [once]))
    return str(function.module)


def as_function(library: toolchain.Library, name: str):
    prototype = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)
    return prototype(library.address(name))


@pytest.mark.parametrize("level", toolchain.LEVELS)
def test_compiled_code_computes(level):
    library = toolchain.link([toolchain.compile_object(doubling(), level)], ["doubled"])
    assert as_function(library, "doubled")(1.5) == 3.0


def test_objects_call_each_other():
    images = compile_objects([doubling("f", 3.0), calling("g", "f")])
    library = toolchain.link(images, ["g"])
    assert as_function(library, "g")(1.0) == 9.0


def test_equal_names_in_two_libraries_do_not_meet():
    one, other = (
        toolchain.link([toolchain.compile_object(doubling("f", factor))], ["f"])
        for factor in (2.0, 5.0)
    )
    assert as_function(one, "f")(1.0) == 2.0
    assert as_function(other, "f")(1.0) == 5.0


@pytest.mark.parametrize("level", [2, 3])
def test_parallel_compilation_gives_the_same_bytes_in_order(level):
    texts = [doubling(f"f{k}", float(k)) for k in range(24)]
    alone = [toolchain.compile_object(text, level) for text in texts]
    for workers in (1, 2, 5):
        assert compile_objects(texts, workers, level) == alone
    assert compile_objects([]) == []


def test_an_error_in_one_of_many_is_raised():
    texts = [doubling(), "define void @broken() { ret i32 0 }", doubling("other")]
    for workers in (1, 3):
        with pytest.raises(CompileError, match="broken"):
            compile_objects(texts, workers)


def test_text_that_parses_but_is_wrong_is_refused():
    used_before_made = (
        "define i64 @f(i1 %c) {\nentry:\n  br i1 %c, label %a, label %b\na:\n"
        "  %x = add i64 1, 2\n  br label %b\nb:\n  ret i64 %x\n}\n"
    )
    with pytest.raises(CompileError, match=r"code of f: .*dominate"):
        toolchain.compile_object(used_before_made)


def test_symbols_that_are_missing_or_twice_there():
    image = toolchain.compile_object(doubling())
    with pytest.raises(CompileError, match="absent"):
        toolchain.link([image], ["absent"])
    with pytest.raises(CompileError, match="duplicate definition of symbol 'doubled'"):
        toolchain.link([image, image], ["doubled"])
    with pytest.raises(CompileError, match="do not fit together"):
        toolchain.link([toolchain.compile_object(calling("f", "helper"))], ["f"])


def test_assembly_and_text_can_be_read():
    assert "doubled" in toolchain.assembly(doubling())
    assert "fmul float" in toolchain.optimised(doubling())


def test_simplification_moves_invariant_work_out_of_loops():
    module = Module()
    function = module.function("f", [("p", "ptr"), ("n", "i64")], noalias=["p"])
    b, (p, n) = function.builder, function.args
    with b.loop(0, n) as outer, b.loop(0, n) as inner:
        heavy = b.mul(b.mul(outer.value, outer.value), n)
        b.store(b.add(heavy, inner.value), b.element(p, inner.value, "i64"))
    b.ret()
    simplified = toolchain.optimised(str(module), level=3)
    inner_body = simplified.rpartition("body.")[2]
    assert "mul" in str(module).rpartition("body.")[2]
    assert "mul" not in inner_body
    assert toolchain.optimised(str(module), level=2).count("mul") == str(module).count("mul")


def resident() -> int:
    """Bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_dropped_libraries_free_their_code():
    def build(k: int) -> None:
        images = compile_objects([doubling("f", float(k)), calling("g", "f")], workers=2)
        library = toolchain.link(images, ["f", "g"])
        assert as_function(library, "g")(1.0) == float(k) ** 2

    for k in range(60):
        build(k)
    gc.collect()
    before = resident()
    for k in range(500):
        build(k)
    gc.collect()
    assert resident() - before < 2 << 20


FORKING = """
import os, signal, threading
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.compilation import compile_objects
from test_native import as_function, doubling

stop = False
def compile_forever():
    while not stop:
        compile_objects([doubling(f"f{k}") for k in range(4)], workers=2)

toolchain.compile_object(doubling())  # llvmlite is imported: Python itself keeps no fork from that
other = threading.Thread(target=compile_forever)
other.start()
try:
    for _ in range(15):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            library = toolchain.link([toolchain.compile_object(doubling())], ["doubled"])
            os._exit(0 if as_function(library, "doubled")(4.0) == 8.0 else 1)
        assert os.waitpid(child, 0)[1] == 0
finally:
    stop = True
    other.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_forked_while_others_compile_can_compile():
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING],
        env=os.environ | {"PYTHONPATH": path},
        timeout=100,
        check=True,
    )
