"""The setting `target`: compilation for a named processor, and refusal of what cannot run here."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.machine import machine
from lamina.engines.llvm.target.processors import ARM, X86, features_of
from lamina.errors import SettingError, UnknownNameError

on_x86 = pytest.mark.skipif("x86_64" not in toolchain.host().triple, reason="not an x86 processor")


def has(name):
    """True if this machine has the features of a processor of the table."""
    try:
        with lm.settings(target=name):
            toolchain.host()
    except SettingError:
        return False
    return True


@on_x86
@pytest.mark.parametrize(
    ("name", "bits", "registers", "fma"),
    [
        ("x86-64-v2", 128, 16, False),
        ("haswell", 256, 16, True),
        ("znver3", 256, 16, True),
        ("skylake-avx512", 512, 32, True),
    ],
)
def test_the_target_gives_vectors_and_registers_and_its_code_runs(name, bits, registers, fma):
    if not has(name):
        pytest.skip(f"this machine cannot run code for {name}")
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((37, 45), (45, 29)))
    with lm.settings(target=name):
        this = machine()
        assert (this.cpu, this.vector_bits, this.vector_registers) == (name, bits, registers)
        assert this.fma is fma
        found = lm.compile(lambda x, w: lm.tanh(x @ w))(x, w)
    assert np.allclose(found, np.tanh(x @ w), atol=1e-4)


def test_caches_and_processors_are_those_of_the_host():
    names = [name for name in (*X86, *ARM) if has(name)]
    assert names
    for name in names:
        with lm.settings(target=name):
            lesser = machine()
        assert (lesser.l1, lesser.l2, lesser.l3) == (machine().l1, machine().l2, machine().l3)
        assert lesser.cores == machine().cores


def test_a_target_of_another_architecture_raises_an_error():
    other = "apple-m1" if "x86_64" in toolchain.host().triple else "haswell"
    with lm.settings(target=other), pytest.raises(SettingError, match="cannot run code"):
        toolchain.host()


def test_a_target_with_missing_features_raises_an_error_that_names_them():
    available = X86["haswell"]
    with pytest.raises(SettingError, match="it lacks avx512bw, avx512cd"):
        features_of("skylake-avx512", "x86_64", available)
    assert features_of("znver1", "x86_64", available) == available


def test_an_unknown_target_raises_an_error_with_the_nearest_name():
    with lm.settings(target="haswel"), pytest.raises(UnknownNameError) as info:
        toolchain.host()
    assert "did you mean 'haswell'" in info.value.hint


def test_compilation_for_an_unknown_target_raises_an_error():
    with lm.settings(target="nothing"), pytest.raises(UnknownNameError, match="target 'nothing'"):
        lm.compile(lambda x: x + 1)(np.ones(3, np.float32))
