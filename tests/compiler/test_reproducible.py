"""Generated code is a function of the graph alone: not of what was compiled before, or where."""

import json
import os
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

import lamina as lm
from lamina.distinct import distinct
from lamina.engines.llvm.codegen.values import constant
from lamina.engines.llvm.loops.nest import ExprBuilder
from lamina.ir.types import float32
from lamina.settings import settings

# Prints what each program of a list is compiled to, in one of two orders.
PROGRAMS = """
import hashlib, json, sys
import lamina as lm
from lamina.engines.llvm.pipeline import stages_of
from lamina.fuzz.generate import generate
from lamina.rewrite import simplify

x = lm.ones((7, 33))
FUNCTIONS = {
    "copysign": lambda v: lambda x: lm.copysign(x, v),
    "product": lambda v: lambda x: x * v,
    "where": lambda v: lambda x: lm.where(x > 1.0, x, v),
    "maximum": lambda v: lambda x: lm.maximum(x, v),
    "pad": lambda v: lambda x: lm.pad(x, ((1, 2), (0, 3)), constant_values=v),
    "quotient": lambda v: lambda x: v / x,
}
graphs = {}
for name, make in FUNCTIONS.items():
    for value in (0.0, -0.0, 1.0, float("nan")):
        recorded, _ = lm.compile(make(value)).recorded(x)
        graphs[f"{name} {value}"] = recorded.graph, recorded.updates
step = lm.value_and_grad(lambda w: lm.sum(lm.tanh(x @ w) ** 2))
graphs["gradient"] = lm.compile(step).recorded(lm.ones((33, 65)))[0].graph, {}
for number in range(30):
    case = generate(f"order:{number}")
    graphs[case.seed] = case.graph, case.updates

names = list(graphs)[:: int(sys.argv[1])]
texts = {}
for name in names:
    stages = stages_of(simplify(graphs[name][0]), graphs[name][1])
    parts = [str(stages.driven.module), json.dumps(stages.plan.to_json())]
    parts += [kernel.text for kernel in stages.kernels.values()]
    texts[name] = hashlib.sha256(chr(0).join(parts).encode()).hexdigest()
print(json.dumps(texts))
"""


def compiled_in_a_new_process(step: int, hash_seed: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS, str(step)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_programs_compiled_in_either_order_have_the_same_text_byte_for_byte():
    forwards = compiled_in_a_new_process(1, "1")
    backwards = compiled_in_a_new_process(-1, "2")
    assert forwards == backwards
    zeros = [forwards[f"{name} 0.0"] != forwards[f"{name} -0.0"] for name in ("copysign", "pad")]
    assert all(zeros)


@pytest.mark.parametrize("first", [0.0, -0.0])
@pytest.mark.parametrize(
    "function",
    [
        lambda v: lambda x: lm.copysign(x, v),
        lambda v: lambda x: x * v,
        lambda v: lambda x: lm.where(x > 1.0, x, v),
        lambda v: lambda x: lm.pad(x, ((1, 1),), constant_values=v),
        lambda v: lambda x: v / x,
    ],
    ids=["copysign", "product", "where", "pad", "quotient"],
)
def test_zeros_of_both_signs_are_different_constants_in_either_order(function, first):
    x = lm.asarray([1.0, -2.0, 3.0])
    with settings(cache=False):
        for value in (first, -first):
            found = lm.compile(function(value))(x).numpy()
            assert found.tobytes() == function(value)(x).numpy().tobytes()


def test_an_object_of_one_zero_is_not_served_from_disk_for_the_other(tmp_path):
    x = lm.asarray([1.0, -2.0, 3.0])
    with settings(cache=True, cache_dir=tmp_path):
        for value in (0.0, -0.0, 0.0):
            signs = np.signbit(lm.compile(lambda x, v=value: lm.copysign(x, v))(x).numpy())
            assert (signs == np.signbit(value)).all()


def test_static_arguments_that_compare_equal_are_different_programs():
    f = lm.compile(lambda x, by: lm.copysign(x, 1.0) * by)
    x = lm.asarray([1, 2, 3])
    for by in (1, 1.0, True, 0.0, -0.0):
        expected = lm.copysign(x, 1.0) * by
        found = f(x, by)
        assert found.dtype == expected.dtype
        assert found.numpy().tobytes() == expected.numpy().tobytes()


def test_a_static_nan_is_compiled_once():
    f = lm.compile(lambda x, by: x * by)
    for _ in range(3):
        assert np.isnan(f(lm.ones(3), float("nan")).numpy()).all()
    assert len(f._programs) == 1


def test_constants_are_distinguished_by_their_bits():
    for type_ in ("float", "double", "<8 x float>"):
        assert constant(type_, 0.0) != constant(type_, -0.0)
        assert constant(type_, 0) == constant(type_, 0.0)
    maker = ExprBuilder()
    payload = np.array([0x7FC00001, 0x7FC00002], np.uint32).view(np.float32)
    one, other = (maker.constant(v.item(), float32) for v in payload)
    assert one is not other
    assert one is maker.constant(payload[0].item(), float32)


@pytest.mark.parametrize(
    "values",
    [
        (0.0, -0.0, 0, False, Decimal("0"), Decimal("-0"), 0j, complex(-0.0, 0.0)),
        (1, 1.0, True, (1,), (1.0,), (True,), frozenset({1}), frozenset({True})),
        (np.float32(0), np.float64(0.0), np.float32(-0.0)),
    ],
)
def test_distinct_keys_differ_wherever_type_or_bits_do(values):
    assert len({distinct(v) for v in values}) == len(values)
    assert distinct(float("nan")) == distinct(float("nan"))
